// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace penstock::serving {

struct Call;

// The calls of one connection by stream id. Open addressing over a power of two of places: stream
// ids of one connection go up by two, so they spread evenly without hashing, and a look-up is
// nearly always one comparison. Lives with its connection on an io thread; owns no call.
class CallTable {
 public:
  Call* find(std::int32_t stream_id) const {
    if (places_.empty()) return nullptr;
    for (std::size_t at = home(stream_id);; at = next(at)) {
      const Place& place = places_[at];
      if (place.call == nullptr) return nullptr;
      if (place.stream_id == stream_id) return place.call;
    }
  }

  // `stream_id` must not be in the table.
  void insert(std::int32_t stream_id, Call* call) {
    if (size_ * 2 >= places_.size()) grow();
    put(stream_id, call);
    ++size_;
  }

  // The call that was there, or null.
  Call* remove(std::int32_t stream_id);

  std::size_t size() const { return size_; }

  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const Place& place : places_) {
      if (place.call != nullptr) visit(*place.call);
    }
  }

 private:
  struct Place {
    std::int32_t stream_id = 0;
    Call* call = nullptr;
  };

  std::size_t home(std::int32_t stream_id) const {
    return (static_cast<std::uint32_t>(stream_id) >> 1) & (places_.size() - 1);
  }
  std::size_t next(std::size_t at) const { return (at + 1) & (places_.size() - 1); }
  void put(std::int32_t stream_id, Call* call) {
    std::size_t at = home(stream_id);
    while (places_[at].call != nullptr) at = next(at);
    places_[at] = {stream_id, call};
  }
  void grow();

  std::vector<Place> places_;
  std::size_t size_ = 0;
};

}  // namespace penstock::serving
