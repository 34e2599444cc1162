// SPDX-License-Identifier: Apache-2.0
#include "drift/recent_rows.h"

namespace penstock::drift {

RecentRows::RecentRows() { chains_.fill(kNone); }

// Takes the row with this fingerprint out of its chain; false: there is none.
bool RecentRows::unlink(std::uint64_t fingerprint) {
  std::uint16_t* link = &chains_[fingerprint % kChains];
  while (*link != kNone && rows_[*link].fingerprint != fingerprint) link = &rows_[*link].next;
  if (*link == kNone) return false;
  rows_[*link].is_linked = false;
  *link = rows_[*link].next;
  return true;
}

bool RecentRows::add(std::uint64_t fingerprint) {
  const bool is_repeated = unlink(fingerprint);
  const auto at = static_cast<std::uint16_t>(added_++ % kRows);
  Row& row = rows_[at];
  if (row.is_linked) unlink(row.fingerprint);
  std::uint16_t& chain = chains_[fingerprint % kChains];
  row = {.fingerprint = fingerprint, .next = chain, .is_linked = true};
  chain = at;
  return is_repeated;
}

}  // namespace penstock::drift
