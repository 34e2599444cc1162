// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>
#include <protozero/types.hpp>
#include <span>
#include <string_view>

#include "base/error.h"

// What the codecs share of protobuf's wire format. Private to this room: protozero throws on
// malformed input, and every public function of the room catches that once, with malformed().
//
// Rules of reading: a known field with another wire type than its own is an unknown field, and
// unknown fields are skipped; groups, which proto3 does not have, are malformed.
namespace penstock::wire {

static_assert(std::endian::native == std::endian::little, "raw tensors are little-endian");

using protozero::pbf_reader;
using protozero::pbf_wire_type;

// A field with its wire type, for `switch (reader.tag_and_type())`.
constexpr std::uint32_t varint_field(std::uint32_t number) {
  return protozero::tag_and_type(number, pbf_wire_type::varint);
}
constexpr std::uint32_t fixed32_field(std::uint32_t number) {
  return protozero::tag_and_type(number, pbf_wire_type::fixed32);
}
constexpr std::uint32_t fixed64_field(std::uint32_t number) {
  return protozero::tag_and_type(number, pbf_wire_type::fixed64);
}
// Strings, bytes, messages and packed fields.
constexpr std::uint32_t sized_field(std::uint32_t number) {
  return protozero::tag_and_type(number, pbf_wire_type::length_delimited);
}

inline pbf_reader reader_of(std::string_view message) {
  return pbf_reader(message.data(), message.size());
}

// protozero cuts lengths off at 32 bits, so that one of 2^32 would be none. Throws where the field
// at hand has a length of more bytes than there are.
inline void check_length(const pbf_reader& reader) {
  const protozero::data_view rest = reader.data();
  std::uint32_t first = 0;
  if (rest.size() <= sizeof first) return;  // it is refused when it is read, if at all
  std::memcpy(&first, rest.data(), sizeof first);
  if ((first & 0x80808080U) != 0x80808080U) return;  // shorter than five bytes: below 2^28
  const char* at = rest.data();
  const char* const end = at + rest.size();
  if (protozero::decode_varint(&at, end) > rest.size()) throw protozero::end_of_buffer_exception{};
}

inline std::string_view take_view(pbf_reader& reader) {
  check_length(reader);
  const protozero::data_view view = reader.get_view();
  return {view.data(), view.size()};
}

inline void skip_field(pbf_reader& reader) {
  if (reader.wire_type() == pbf_wire_type::length_delimited) check_length(reader);
  reader.skip();
}

inline std::span<const std::byte> bytes_of(std::string_view view) {
  return std::as_bytes(std::span(view.data(), view.size()));
}

// Calls take(value) for each varint of a packed field. take() returns false to stop; then this
// returns false as well. (protozero's own iterators decode every varint twice.)
template <class Take>
bool each_packed_varint(std::string_view packed, Take&& take) {
  const char* at = packed.data();
  const char* const end = at + packed.size();
  while (at != end) {
    if (!take(protozero::decode_varint(&at, end))) return false;
  }
  return true;
}

// kInvalidArgument: "the message is not a well-formed <message>: it ends inside a field".
base::Error malformed(std::string_view message, const protozero::exception& cause);

// kInvalidArgument: "<what> is not valid UTF-8".
base::Error not_utf8(std::string_view what);

constexpr std::size_t varint_bytes(std::uint64_t value) {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

// A field of that many bytes with its tag (field numbers up to 15) and length.
constexpr std::size_t sized_field_bytes(std::size_t bytes) {
  return 1 + varint_bytes(bytes) + bytes;
}

// proto3 leaves empty strings out.
constexpr std::size_t string_field_bytes(std::string_view text) {
  return text.empty() ? 0 : sized_field_bytes(text.size());
}

// Writes fields one after another into memory whose size was computed before: it checks nothing.
class FieldWriter {
 public:
  explicit FieldWriter(std::byte* at) : at_(at) {}

  void put_varint(std::uint64_t value) {
    while (value >= 0x80) {
      *at_++ = static_cast<std::byte>(value | 0x80);
      value >>= 7;
    }
    *at_++ = static_cast<std::byte>(value);
  }
  void put_bytes(std::span<const std::byte> bytes) {
    if (bytes.empty()) return;
    std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  // Tag and length; the bytes are to follow. Field numbers up to 15.
  void open_field(std::uint32_t number, std::size_t bytes) {
    *at_++ = static_cast<std::byte>(sized_field(number));
    put_varint(bytes);
  }
  void put_string(std::uint32_t number, std::string_view text) {
    if (text.empty()) return;
    open_field(number, text.size());
    put_bytes(bytes_of(text));
  }
  std::byte* at() const { return at_; }

 private:
  std::byte* at_;
};

}  // namespace penstock::wire
