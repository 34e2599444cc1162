// SPDX-License-Identifier: Apache-2.0
#pragma once

// Changes protobuf messages field by field, at any depth, so that lengths stay right and what comes
// out is still a message: bytes changed blindly hardly ever get past the first field.

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz_input.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* bytes, std::size_t size, std::size_t most);

namespace penstock::fuzzing {

using Random = std::minstd_rand;

class FieldMutator {
 public:
  explicit FieldMutator(Random& random) : random_(random) {}

  std::string mutated(std::string_view message) {
    auto fields = parse(message);
    if (!fields || fields->empty()) return scrambled(std::string(message));
    const std::size_t at = below(fields->size());
    Field& field = (*fields)[at];
    switch (below(8)) {
      case 0: fields->erase(fields->begin() + static_cast<std::ptrdiff_t>(at)); break;
      case 1:
        fields->insert(fields->begin() + static_cast<std::ptrdiff_t>(at), Field(field));
        break;
      case 2: std::swap(field, (*fields)[below(fields->size())]); break;
      default: change(field);
    }
    return written(*fields);
  }

 private:
  enum Wire : std::uint32_t { kVarint = 0, kFixed64 = 1, kSized = 2, kFixed32 = 5 };
  struct Field {
    std::uint64_t tag = 0;
    std::uint64_t number = 0;  // of a varint
    std::string content;       // of any other
  };

  std::size_t below(std::size_t end) { return random_() % end; }

  void change(Field& field) {
    if ((field.tag & 7) == kVarint) {
      field.number = below(2) == 0 ? interesting() : field.number + below(5) - 2;
    } else if ((field.tag & 7) == kSized) {
      field.content = below(8) == 0 ? scrambled(std::move(field.content)) : mutated(field.content);
    } else {
      const std::size_t size = field.content.size();
      field.content = scrambled(std::move(field.content));
      field.content.resize(size);
    }
    if (below(32) == 0) field.tag = (below(30) << 3) | (field.tag & 7);
  }

  std::uint64_t interesting() {
    constexpr std::array<std::uint64_t, 14> kNumbers = {
        0, 1, 2, 3, 31, 32, 63, 64, 255, 65535, 1U << 24, UINT32_MAX, INT64_MAX, UINT64_MAX};
    return kNumbers[below(kNumbers.size())];
  }

  std::string scrambled(std::string bytes) {
    const std::size_t size = bytes.size();
    bytes.resize(size + 32);
    auto* const begin = reinterpret_cast<std::uint8_t*>(bytes.data());
    bytes.resize(LLVMFuzzerMutate(begin, size, bytes.size()));
    return bytes;
  }

  static std::optional<std::uint64_t> take_varint(std::string_view& rest) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest.empty(); shift += 7) {
      const auto byte = static_cast<std::uint8_t>(rest.front());
      rest.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }

  static std::optional<std::vector<Field>> parse(std::string_view rest) {
    std::vector<Field> fields;
    while (!rest.empty()) {
      Field field;
      const auto tag = take_varint(rest);
      if (!tag || *tag >> 3 == 0) return std::nullopt;
      field.tag = *tag;
      std::uint64_t size = 0;
      switch (*tag & 7) {
        case kVarint: {
          const auto number = take_varint(rest);
          if (!number) return std::nullopt;
          field.number = *number;
          break;
        }
        case kFixed64: size = 8; break;
        case kFixed32: size = 4; break;
        case kSized: {
          const auto length = take_varint(rest);
          if (!length) return std::nullopt;
          size = *length;
          break;
        }
        default: return std::nullopt;
      }
      if (size > rest.size()) return std::nullopt;
      field.content = rest.substr(0, size);
      rest.remove_prefix(size);
      fields.push_back(std::move(field));
    }
    return fields;
  }

  static void put_varint(std::string& to, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) to += static_cast<char>(value | 0x80);
    to += static_cast<char>(value);
  }

  static std::string written(const std::vector<Field>& fields) {
    std::string text;
    for (const Field& field : fields) {
      put_varint(text, field.tag);
      if ((field.tag & 7) == kVarint) put_varint(text, field.number);
      if ((field.tag & 7) == kSized) put_varint(text, field.content.size());
      text += field.content;
    }
    return text;
  }

  Random& random_;
};

}  // namespace penstock::fuzzing
