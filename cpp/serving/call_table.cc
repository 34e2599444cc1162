// SPDX-License-Identifier: Apache-2.0
#include "serving/call_table.h"

#include <utility>

namespace penstock::serving {

Call* CallTable::remove(std::int32_t stream_id) {
  if (places_.empty()) return nullptr;
  std::size_t hole = home(stream_id);
  while (places_[hole].call != nullptr && places_[hole].stream_id != stream_id) hole = next(hole);
  Call* const found = places_[hole].call;
  if (found == nullptr) return nullptr;
  // Close the gap: a later entry of the run moves into the hole if its home is not after the hole.
  for (std::size_t at = next(hole); places_[at].call != nullptr; at = next(at)) {
    const std::size_t from_home = (at - home(places_[at].stream_id)) & (places_.size() - 1);
    const std::size_t from_hole = (at - hole) & (places_.size() - 1);
    if (from_home >= from_hole) {
      places_[hole] = places_[at];
      hole = at;
    }
  }
  places_[hole] = {};
  --size_;
  return found;
}

void CallTable::grow() {
  std::vector<Place> before = std::exchange(
      places_, std::vector<Place>(places_.empty() ? std::size_t{8} : places_.size() * 2));
  for (const Place& place : before) {
    if (place.call != nullptr) put(place.stream_id, place.call);
  }
}

}  // namespace penstock::serving
