// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace penstock::drift {

inline constexpr std::size_t kCategoriesMax = 256;

// The place of a category: that of its name; then other; then missing, which is the empty text. The
// same as penstock.profile.places.category_places. Its size depends on the names alone, whatever
// comes.
class CategoryMap {
 public:
  // At most kCategoriesMax, no two alike.
  explicit CategoryMap(std::vector<std::string> texts);
  explicit CategoryMap(std::vector<std::int64_t> numbers);

  std::size_t other() const { return count_; }
  std::size_t missing() const { return count_ + 1; }
  std::size_t places() const { return count_ + 2; }
  std::size_t bytes() const;

  std::size_t find(std::span<const std::byte> text) const;
  std::size_t find(std::int64_t number) const;

 private:
  // An open table that is at most half full.
  struct Slot {
    std::uint64_t hash = 0;
    std::int32_t place = -1;  // free
  };
  void make_room();
  void add(std::uint64_t hash, std::size_t place);

  std::size_t count_;
  std::vector<std::string> texts_;
  std::vector<std::int64_t> numbers_;
  std::vector<Slot> slots_;
};

}  // namespace penstock::drift
