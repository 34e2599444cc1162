// SPDX-License-Identifier: Apache-2.0
#include "drift/recent_rows.h"

namespace penstock::drift {

RecentRows::RecentRows() { chains_.fill(kNone); }

void RecentRows::unlink(std::uint16_t at) {
  std::uint16_t* link = &chain_of(rows_[at]);
  while (*link != at) link = &next_[*link];
  *link = next_[at];
}

bool RecentRows::add(std::uint64_t fingerprint) {
  std::uint16_t found = chain_of(fingerprint);
  while (found != kNone && rows_[found] != fingerprint) found = next_[found];
  const auto at = static_cast<std::uint16_t>(added_ % kRows);
  if (added_ >= kRows) unlink(at);
  ++added_;
  std::uint16_t& chain = chain_of(fingerprint);
  rows_[at] = fingerprint;
  next_[at] = chain;
  chain = at;
  return found != kNone;
}

}  // namespace penstock::drift
