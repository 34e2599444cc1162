// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace penstock::drift {

// What a ring holds of one request, at addresses that are multiples of 8:
//
//   RecordHead
//   u32 of each tensor of the plan: its bytes, or kAbsent
//   the bytes of each tensor, filled up to 8
struct RecordHead {
  std::uint64_t watch = 0;  // Tap::number
  std::uint64_t key = 0;    // the hash of the sticky key, if there is one
  std::uint32_t rows = 0;
  std::uint32_t has_key = 0;
};
inline constexpr std::uint32_t kAbsent = ~std::uint32_t{0};

// One request's rows on their way into a ring, or out of it. Bytes of one tensor that the request
// left out: no data.
struct Rows {
  std::uint32_t rows = 0;
  bool has_key = false;
  std::uint64_t key = 0;
  std::span<const std::span<const std::byte>> tensors;  // in the plan's order
};

std::size_t record_bytes(const Rows& rows);
// `record` has record_bytes(rows) bytes, and is aligned to 8.
void write_record(std::uint64_t watch, const Rows& rows, std::byte* record);
std::uint64_t watch_of(std::span<const std::byte> record);
// Views of `record`; `tensors` has a place for each tensor of the plan it was written by.
Rows read_record(std::span<const std::byte> record, std::span<std::span<const std::byte>> tensors);

}  // namespace penstock::drift
