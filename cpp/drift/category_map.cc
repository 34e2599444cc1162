// SPDX-License-Identifier: Apache-2.0
#include "drift/category_map.h"

#include <bit>
#include <utility>

#include "base/check.h"
#include "drift/fingerprint.h"

namespace penstock::drift {
namespace {

std::uint64_t hash_of(std::int64_t number) {
  return mixed(static_cast<std::uint64_t>(number) + kMixStep);
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

bool is_equal(const std::string& text, std::span<const std::byte> bytes) {
  return text == std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

CategoryMap::CategoryMap(std::vector<std::string> texts)
    : count_(texts.size()), texts_(std::move(texts)) {
  make_room();
  for (std::size_t i = 0; i < count_; ++i) add(fingerprint(bytes_of(texts_[i])), i);
}

CategoryMap::CategoryMap(std::vector<std::int64_t> numbers)
    : count_(numbers.size()), numbers_(std::move(numbers)) {
  make_room();
  for (std::size_t i = 0; i < count_; ++i) add(hash_of(numbers_[i]), i);
}

void CategoryMap::make_room() {
  PENSTOCK_CHECK(count_ <= kCategoriesMax);
  slots_.resize(std::bit_ceil(2 * count_ + 1));
}

void CategoryMap::add(std::uint64_t hash, std::size_t place) {
  std::size_t at = hash & (slots_.size() - 1);
  while (slots_[at].place >= 0) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = {.hash = hash, .place = static_cast<std::int32_t>(place)};
}

std::size_t CategoryMap::bytes() const {
  std::size_t sum = slots_.size() * sizeof(Slot) + numbers_.size() * sizeof(std::int64_t);
  for (const std::string& text : texts_) sum += sizeof text + text.capacity();
  return sum;
}

std::size_t CategoryMap::find(std::span<const std::byte> text) const {
  if (text.empty()) return missing();
  const std::uint64_t hash = fingerprint(text);
  for (std::size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[at];
    if (slot.place < 0) return other();
    const auto place = static_cast<std::size_t>(slot.place);
    if (slot.hash == hash && is_equal(texts_[place], text)) return place;
  }
}

std::size_t CategoryMap::find(std::int64_t number) const {
  const std::uint64_t hash = hash_of(number);
  for (std::size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[at];
    if (slot.place < 0) return other();
    const auto place = static_cast<std::size_t>(slot.place);
    if (numbers_[place] == number) return place;
  }
}

}  // namespace penstock::drift
