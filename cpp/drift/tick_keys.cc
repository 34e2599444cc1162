// SPDX-License-Identifier: Apache-2.0
#include "drift/tick_keys.h"

#include <algorithm>
#include <utility>

#include "drift/fingerprint.h"

namespace penstock::drift {
namespace {

constexpr std::size_t kFirstSlots = 256;

}  // namespace

// The slot of a key, or the free one where it belongs.
TickKeys::Slot* TickKeys::find(std::uint64_t key) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = key & mask;
  while (slots_[at].key != 0 && slots_[at].key != key) at = (at + 1) & mask;
  return &slots_[at];
}

void TickKeys::grow() {
  std::vector<Slot> before =
      std::exchange(slots_, std::vector<Slot>(std::max(kFirstSlots, 2 * slots_.size())));
  for (const Slot& slot : before) {
    if (slot.key != 0) *find(slot.key) = slot;
  }
}

TickKeys::Admitted TickKeys::admit(std::uint64_t key, std::uint32_t rows) {
  if (key == 0) key = kMixStep;
  if (slots_.empty()) grow();
  Slot* slot = find(key);
  if (slot->key == 0) {
    if (taken_ == kKeysMax) return {.rows = rows};
    if (2 * ++taken_ > slots_.size()) {
      grow();
      slot = find(key);
    }
    slot->key = key;
  }
  const bool is_first = slot->rows == 0;
  const std::uint32_t admitted = std::min(rows, kRowsMax - slot->rows);
  slot->rows += admitted;
  return {.rows = admitted, .is_tested = is_first};
}

// Gives back what a tick of many keys took, for there may never be another.
void TickKeys::clear() {
  if (slots_.size() > kFirstSlots && 8 * taken_ < slots_.size()) {
    slots_ = std::vector<Slot>(kFirstSlots);
  } else {
    std::ranges::fill(slots_, Slot{});
  }
  taken_ = 0;
}

}  // namespace penstock::drift
