// SPDX-License-Identifier: Apache-2.0
#include "wire/typed_contents.h"

#include <algorithm>
#include <array>
#include <concepts>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/narrow_float.h"
#include "wire/protobuf.h"
#include "wire/tensor_checks.h"

namespace penstock::wire {
namespace {

using base::Code;
using base::DType;

// Field numbers of InferTensorContents.
enum Field : std::uint32_t { kBool = 1, kInt, kInt64, kUint, kUint64, kFp32, kFp64, kBytes };
constexpr std::size_t kFieldsEnd = 9;

constexpr std::array<std::string_view, kFieldsEnd> kFieldNames = {
    "",
    "bool_contents",
    "int_contents",
    "int64_contents",
    "uint_contents",
    "uint64_contents",
    "fp32_contents",
    "fp64_contents",
    "bytes_contents",
};

Field field_for(DType dtype) {
  switch (dtype) {
    case DType::kBool: return kBool;
    case DType::kInt8:
    case DType::kInt16:
    case DType::kInt32: return kInt;
    case DType::kInt64: return kInt64;
    case DType::kUint8:
    case DType::kUint16:
    case DType::kUint32: return kUint;
    case DType::kUint64: return kUint64;
    case DType::kFp16:
    case DType::kBf16:
    case DType::kFp32: return kFp32;
    case DType::kFp64: return kFp64;
    case DType::kBytes: return kBytes;
  }
  std::unreachable();
}

// What a first pass finds, before anything is allocated.
struct Census {
  std::array<std::uint64_t, kFieldsEnd> elements{};
  std::array<std::uint32_t, kFieldsEnd> pieces{};  // packed runs and single elements
  std::string_view last_run;                       // the last packed run that is not empty
  std::size_t bytes_total = 0;                     // of bytes_contents, without lengths
};

void count_run(Census& census, std::uint32_t field, std::string_view run, std::size_t elements) {
  if (run.empty()) return;
  census.elements[field] += elements;
  census.pieces[field] += 1;
  census.last_run = run;
}

void count_one(Census& census, std::uint32_t field) {
  census.elements[field] += 1;
  census.pieces[field] += 1;
}

std::size_t varints_in(std::string_view run) {
  return static_cast<std::size_t>(
      std::ranges::count_if(run, [](char c) { return (static_cast<unsigned>(c) & 0x80U) == 0; }));
}

std::size_t fixed_in(std::string_view run, std::size_t element_bytes) {
  if (run.size() % element_bytes != 0) throw protozero::invalid_length_exception{};
  return run.size() / element_bytes;
}

Census take_census(std::string_view contents) {
  Census census;
  pbf_reader reader = reader_of(contents);
  while (reader.next()) {
    const std::uint32_t field = reader.tag();
    std::string_view run;
    switch (reader.tag_and_type()) {
      case varint_field(kBool):
      case varint_field(kInt):
      case varint_field(kInt64):
      case varint_field(kUint):
      case varint_field(kUint64):
      case fixed32_field(kFp32):
      case fixed64_field(kFp64):
        count_one(census, field);
        skip_field(reader);
        break;
      case sized_field(kBool):
      case sized_field(kInt):
      case sized_field(kInt64):
      case sized_field(kUint):
      case sized_field(kUint64):
        run = take_view(reader);
        count_run(census, field, run, varints_in(run));
        break;
      case sized_field(kFp32):
        run = take_view(reader);
        count_run(census, field, run, fixed_in(run, sizeof(float)));
        break;
      case sized_field(kFp64):
        run = take_view(reader);
        count_run(census, field, run, fixed_in(run, sizeof(double)));
        break;
      case sized_field(kBytes):
        count_one(census, field);
        census.bytes_total += take_view(reader).size();
        break;
      default: skip_field(reader);
    }
  }
  return census;
}

// Calls take(value) for each element of a varint field until it returns false.
template <class Take>
void each_varint(std::string_view contents, Field field, Take&& take) {
  pbf_reader reader = reader_of(contents);
  while (reader.next()) {
    if (reader.tag_and_type() == varint_field(field)) {
      if (!take(reader.get_uint64())) return;
    } else if (reader.tag_and_type() == sized_field(field)) {
      if (!each_packed_varint(take_view(reader), take)) return;
    } else {
      skip_field(reader);
    }
  }
}

// Calls take(bytes) for each run of elements of fp32_contents or fp64_contents.
template <class Take>
void each_fixed_run(std::string_view contents, Field field, Take&& take) {
  pbf_reader reader = reader_of(contents);
  while (reader.next()) {
    if (reader.tag_and_type() == sized_field(field)) {
      take(bytes_of(take_view(reader)));
    } else if (field == kFp32 && reader.tag_and_type() == fixed32_field(field)) {
      const std::uint32_t bits = reader.get_fixed32();
      take(std::as_bytes(std::span(&bits, 1)));
    } else if (field == kFp64 && reader.tag_and_type() == fixed64_field(field)) {
      const std::uint64_t bits = reader.get_fixed64();
      take(std::as_bytes(std::span(&bits, 1)));
    } else {
      skip_field(reader);
    }
  }
}

// Fills a block of which every byte was counted before.
class BlockWriter {
 public:
  explicit BlockWriter(std::span<std::byte> block) : rest_(block) {}

  template <class T>
  void put(T value) {
    put_bytes(std::as_bytes(std::span(&value, 1)));
  }
  void put_bytes(std::span<const std::byte> bytes) {
    if (bytes.empty()) return;
    PENSTOCK_CHECK(bytes.size() <= rest_.size());
    std::memcpy(rest_.data(), bytes.data(), bytes.size());
    rest_ = rest_.subspan(bytes.size());
  }
  bool is_full() const { return rest_.empty(); }

 private:
  std::span<std::byte> rest_;
};

// One typed tensor on its way into a block.
class Packer {
 public:
  Packer(std::string_view contents, const InferInput& input, std::span<std::byte> block)
      : contents_(contents), input_(input), field_(field_for(input.dtype)), out_(block) {}

  base::Result<> run() {
    pack();
    if (misfit_) return std::unexpected(std::move(*misfit_));
    PENSTOCK_CHECK(out_.is_full());
    return {};
  }

 private:
  void pack() {
    switch (input_.dtype) {
      case DType::kBool:
        return each_varint(contents_, field_, [&](std::uint64_t value) {
          out_.put(static_cast<std::uint8_t>(value != 0));
          return true;
        });
      case DType::kInt8: return pack_integers<std::int32_t, std::int8_t>();
      case DType::kInt16: return pack_integers<std::int32_t, std::int16_t>();
      case DType::kInt32: return pack_integers<std::int32_t, std::int32_t>();
      case DType::kInt64: return pack_integers<std::int64_t, std::int64_t>();
      case DType::kUint8: return pack_integers<std::uint32_t, std::uint8_t>();
      case DType::kUint16: return pack_integers<std::uint32_t, std::uint16_t>();
      case DType::kUint32: return pack_integers<std::uint32_t, std::uint32_t>();
      case DType::kUint64: return pack_integers<std::uint64_t, std::uint64_t>();
      case DType::kFp16: return pack_narrowed(base::fp16_of);
      case DType::kBf16: return pack_narrowed(base::bf16_of);
      case DType::kFp32:
      case DType::kFp64:
        return each_fixed_run(contents_, field_,
                              [&](std::span<const std::byte> run) { out_.put_bytes(run); });
      case DType::kBytes: return pack_bytes();
    }
  }

  // FieldType is the field's in the contract; protobuf reads a wider varint by cutting it off.
  template <std::integral FieldType, std::integral Element>
  void pack_integers() {
    std::int64_t at = 0;
    each_varint(contents_, field_, [&](std::uint64_t varint) {
      const auto value = static_cast<FieldType>(varint);
      if (!std::in_range<Element>(value)) {
        misfit_ = misfit(at, std::to_string(value));
        return false;
      }
      out_.put(static_cast<Element>(value));
      ++at;
      return true;
    });
  }

  template <class Narrow>
  void pack_narrowed(Narrow narrow) {
    each_fixed_run(contents_, field_, [&](std::span<const std::byte> run) {
      for (; !run.empty(); run = run.subspan(sizeof(float))) {
        float value;
        std::memcpy(&value, run.data(), sizeof value);
        out_.put(narrow(value));
      }
    });
  }

  void pack_bytes() {
    pbf_reader reader = reader_of(contents_);
    while (reader.next()) {
      if (reader.tag_and_type() != sized_field(kBytes)) {
        skip_field(reader);
        continue;
      }
      const std::span<const std::byte> element = bytes_of(take_view(reader));
      out_.put(static_cast<std::uint32_t>(element.size()));
      out_.put_bytes(element);
    }
  }

  base::Error misfit(std::int64_t at, const std::string& value) const {
    return {Code::kInvalidArgument, about(input_) + "element " + std::to_string(at) + " of " +
                                        std::string(kFieldNames[field_]) + " is " + value +
                                        ", which " + std::string(base::name_of(input_.dtype)) +
                                        " cannot hold"};
  }

  std::string_view contents_;
  const InferInput& input_;
  Field field_;
  BlockWriter out_;
  std::optional<base::Error> misfit_;
};

// Refuses a filled field that is not the datatype's, and a number of elements that is not the
// shape's. False: nothing is filled.
base::Result<bool> check_census(const Census& census, std::int64_t elements,
                                const InferInput& input) {
  const Field wanted = field_for(input.dtype);
  for (std::size_t field = 1; field < kFieldsEnd; ++field) {
    if (field == wanted || census.pieces[field] == 0) continue;
    return base::fail(Code::kInvalidArgument,
                      about(input) + std::string(base::name_of(input.dtype)) +
                          " elements belong in " + std::string(kFieldNames[wanted]) + ", found " +
                          std::string(kFieldNames[field]));
  }
  const std::uint64_t found = census.elements[wanted];
  // A run without a single whole varint counts none, but it is not nothing.
  if (census.pieces[wanted] == 0) return false;
  if (std::cmp_equal(found, elements)) return true;
  return base::fail(Code::kInvalidArgument, describe(input) + " needs " + std::to_string(elements) +
                                                " elements in " + std::string(kFieldNames[wanted]) +
                                                ", got " + std::to_string(found));
}

}  // namespace

base::Result<bool> take_typed_contents(std::string_view contents, std::int64_t elements,
                                       const base::Buffer& owner, InferInput& input) {
  const Census census = take_census(contents);
  const base::Result<bool> is_filled = check_census(census, elements, input);
  if (!is_filled || !*is_filled) return is_filled;

  const Field field = field_for(input.dtype);
  const bool is_one_run =
      census.pieces[field] == 1 &&
      census.last_run.size() == census.elements[field] * base::element_bytes(input.dtype);
  if (is_one_run && (input.dtype == DType::kFp32 || input.dtype == DType::kFp64)) {
    // A packed run of little-endian floats is the raw form already.
    input.bytes = {owner, bytes_of(census.last_run)};
    return true;
  }
  const std::size_t count = census.elements[field];
  const std::size_t size = input.dtype == DType::kBytes
                               ? count * sizeof(std::uint32_t) + census.bytes_total
                               : count * base::element_bytes(input.dtype);
  base::Buffer block = base::Buffer::try_allocate(size);
  if (size > 0 && !block) {
    return base::fail(Code::kResourceExhausted,
                      about(input) + "no memory for its " + std::to_string(size) + " bytes");
  }
  if (base::Result<> packed = Packer(contents, input, block.bytes()).run(); !packed) {
    return std::unexpected(std::move(packed.error()));
  }
  const std::span<const std::byte> bytes = block.bytes();
  input.bytes = {std::move(block), bytes};
  return true;
}

}  // namespace penstock::wire
