// SPDX-License-Identifier: Apache-2.0
#include "base/key_set.h"

#include <bit>

#include "base/check.h"

namespace penstock::base {
namespace {

constexpr std::uint64_t kInPlaceOfZero = 0x9e3779b97f4a7c15;

// At least a quarter more slots than keys: there is always a free one, and it is near.
std::size_t slots_for(std::size_t keys_max) {
  PENSTOCK_CHECK(keys_max > 0 && keys_max <= std::size_t{1} << 40);
  return std::bit_ceil(keys_max + keys_max / 4 + 1);
}

}  // namespace

KeySet::KeySet(std::size_t keys_max)
    : keys_max_(keys_max),
      mask_(slots_for(keys_max) - 1),
      slots_(std::make_unique<std::atomic<std::uint64_t>[]>(mask_ + 1)) {}

// Slots say nothing of other memory, so no order is needed but each slot's own.
KeySet::Seen KeySet::add(std::uint64_t key) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  if (key == 0) key = kInPlaceOfZero;
  for (std::size_t at = key & mask_;; at = (at + 1) & mask_) {
    std::uint64_t found = slots_[at].load(kRelaxed);
    if (found == key) return Seen::kBefore;
    if (found != 0) continue;
    // A place is booked before the slot is taken, so that the bound holds.
    if (size_.fetch_add(1, kRelaxed) >= keys_max_) {
      size_.fetch_sub(1, kRelaxed);
      // Meanwhile another thread may have put the same fingerprint here.
      return slots_[at].load(kRelaxed) == key ? Seen::kBefore : Seen::kFull;
    }
    if (slots_[at].compare_exchange_strong(found, key, kRelaxed)) return Seen::kNew;
    size_.fetch_sub(1, kRelaxed);
    if (found == key) return Seen::kBefore;
  }
}

}  // namespace penstock::base
