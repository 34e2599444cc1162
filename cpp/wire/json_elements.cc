// SPDX-License-Identifier: Apache-2.0
#include "wire/json_elements.h"

#include <algorithm>
#include <concepts>
#include <cstring>
#include <string>
#include <utility>

#include "base/base64.h"
#include "base/bytes_elements.h"
#include "base/narrow_float.h"
#include "base/text.h"
#include "wire/tensor_checks.h"

namespace penstock::wire {
namespace {

using base::Code;
using base::DType;

// kBroken: it was a wrong object, and has been read in part.
enum class Taken : std::uint8_t { kYes, kNo, kNoMemory, kBroken };

template <class T>
Taken put(ElementBlock& block, T value) {
  std::byte* const room = block.reserve(sizeof value);
  if (room == nullptr) return Taken::kNoMemory;
  std::memcpy(room, &value, sizeof value);
  block.advance(sizeof value);
  return Taken::kYes;
}

// How one scalar of each kind is taken. A value that is not taken is as it was before.
template <std::integral T>
struct TakeInteger {
  Taken operator()(JsonReader&, ondemand::value& value, ElementBlock& block) const {
    using Wide = std::conditional_t<std::same_as<T, std::uint64_t>, std::uint64_t, std::int64_t>;
    Wide wide = 0;
    simdjson::error_code error;
    if constexpr (std::same_as<T, std::uint64_t>) {
      error = value.get_uint64().get(wide);
    } else {
      error = value.get_int64().get(wide);
    }
    if (error || !std::in_range<T>(wide)) return Taken::kNo;
    return put(block, static_cast<T>(wide));
  }
};

struct TakeBool {
  Taken operator()(JsonReader&, ondemand::value& value, ElementBlock& block) const {
    bool truth = false;
    if (!value.get_bool().get(truth)) return put(block, static_cast<std::uint8_t>(truth));
    std::int64_t number = 0;
    if (value.get_int64().get(number) || (number != 0 && number != 1)) return Taken::kNo;
    return put(block, static_cast<std::uint8_t>(number));
  }
};

template <class Narrow>
struct TakeFloat {
  Taken operator()(JsonReader&, ondemand::value& value, ElementBlock& block) const {
    double number = 0;
    if (!take_number(value, number)) return Taken::kNo;
    return put(block, Narrow()(number));
  }
};

struct AsFp64 {
  double operator()(double value) const { return value; }
};
struct AsFp32 {
  float operator()(double value) const { return static_cast<float>(value); }
};
struct AsFp16 {
  std::uint16_t operator()(double value) const { return base::fp16_of(static_cast<float>(value)); }
};
struct AsBf16 {
  std::uint16_t operator()(double value) const { return base::bf16_of(static_cast<float>(value)); }
};

struct TakeString {
  Taken operator()(JsonReader& reader, ondemand::value& value, ElementBlock& block) const {
    const std::string_view token = value.raw_json_token();  // and the spaces behind it
    ondemand::raw_json_string raw;
    if (!token.starts_with('"')) return Taken::kNo;
    std::byte* const room =
        block.reserve(sizeof(base::BytesLength) + token.size() + kJsonPaddingBytes);
    if (room == nullptr) return Taken::kNoMemory;
    if (value.get_raw_json_string().get(raw)) return Taken::kNo;
    auto* const text = reinterpret_cast<char*>(room + sizeof(base::BytesLength));
    const base::Result<std::size_t> size = reader.unescape(raw, text);
    if (!size) return Taken::kNo;
    const auto length = static_cast<base::BytesLength>(*size);
    std::memcpy(room, &length, sizeof length);
    block.advance(sizeof length + *size);
    return Taken::kYes;
  }
};

// {"b64": "..."}: how V1 writes bytes that are no text.
Taken take_base64(JsonReader& reader, ondemand::value& value, ElementBlock& block) {
  ondemand::object object;
  if (value.get_object().get(object)) return Taken::kBroken;
  bool is_taken = false;
  for (auto item : object) {
    ondemand::field field;
    if (is_taken || std::move(item).get(field)) return Taken::kBroken;
    const base::Result<std::string_view> key = reader.key_of(field);
    ondemand::raw_json_string raw;
    if (!key || *key != "b64" || field.value().get_raw_json_string().get(raw)) {
      return Taken::kBroken;
    }
    const base::Result<std::string_view> text = reader.text_of(raw);
    if (!text) return Taken::kBroken;
    std::byte* const room =
        block.reserve(sizeof(base::BytesLength) + base::base64_bytes_max(text->size()));
    if (room == nullptr) return Taken::kNoMemory;
    const std::optional<std::size_t> size =
        base::decode_base64(*text, reinterpret_cast<char*>(room + sizeof(base::BytesLength)));
    if (!size) return Taken::kBroken;
    const auto length = static_cast<base::BytesLength>(*size);
    std::memcpy(room, &length, sizeof length);
    block.advance(sizeof length + *size);
    is_taken = true;
  }
  return is_taken ? Taken::kYes : Taken::kBroken;
}

// Calls use(take) with the one that belongs to `dtype`.
template <class Use>
auto with_taker(DType dtype, Use&& use) {
  switch (dtype) {
    case DType::kBool: return use(TakeBool());
    case DType::kUint8: return use(TakeInteger<std::uint8_t>());
    case DType::kUint16: return use(TakeInteger<std::uint16_t>());
    case DType::kUint32: return use(TakeInteger<std::uint32_t>());
    case DType::kUint64: return use(TakeInteger<std::uint64_t>());
    case DType::kInt8: return use(TakeInteger<std::int8_t>());
    case DType::kInt16: return use(TakeInteger<std::int16_t>());
    case DType::kInt32: return use(TakeInteger<std::int32_t>());
    case DType::kInt64: return use(TakeInteger<std::int64_t>());
    case DType::kFp16: return use(TakeFloat<AsFp16>());
    case DType::kBf16: return use(TakeFloat<AsBf16>());
    case DType::kFp32: return use(TakeFloat<AsFp32>());
    case DType::kFp64: return use(TakeFloat<AsFp64>());
    case DType::kBytes: return use(TakeString());
  }
  std::unreachable();
}

std::unexpected<base::Error> no_memory(const InferInput& input) {
  return base::fail(Code::kResourceExhausted, about(input) + "no memory for its elements");
}

// A value that is neither a scalar of the datatype nor an array.
std::unexpected<base::Error> misfit(const InferInput& input, std::int64_t element,
                                    ondemand::value& value) {
  return base::fail(Code::kInvalidArgument,
                    "Unable to parse 'data': " + about(input) + "element " +
                        std::to_string(element) + " is " + shown(value) + ", which " +
                        std::string(base::name_of(input.dtype)) + " cannot hold");
}

std::unexpected<base::Error> wrong_count(const InferInput& input, std::int64_t wanted,
                                         const std::string& found) {
  return base::fail(Code::kInvalidArgument,
                    "Unable to parse 'data': Shape does not match true shape of 'data' field: " +
                        describe(input) + " needs " + std::to_string(wanted) + " elements, got " +
                        found);
}

// The elements of one tensor whose shape is known.
template <class Take>
class FlatReader {
 public:
  FlatReader(JsonReader& reader, const InferInput& input, std::int64_t wanted, ElementBlock& block)
      : reader_(reader), input_(input), wanted_(wanted), block_(block) {}

  base::Result<> read(ondemand::array array, unsigned depth) {
    for (auto item : array) {
      ondemand::value value;
      if (auto error = std::move(item).get(value)) return reader_.malformed(error);
      if (count_ < wanted_) {
        const Taken taken = Take()(reader_, value, block_);
        if (taken == Taken::kYes) {
          ++count_;
          continue;
        }
        if (taken == Taken::kNoMemory) return no_memory(input_);
      }
      ondemand::array inner;
      if (value.get_array().get(inner)) {
        if (count_ == wanted_) return wrong_count(input_, wanted_, "more");
        return misfit(input_, count_, value);
      }
      if (depth >= kJsonDepthMax) return reader_.too_deep();
      if (auto read = this->read(inner, depth + 1); !read) return read;
    }
    return {};
  }
  std::int64_t count() const { return count_; }

 private:
  JsonReader& reader_;
  const InferInput& input_;
  std::int64_t wanted_;
  ElementBlock& block_;
  std::int64_t count_ = 0;
};

// The elements of a tensor whose shape is how they are nested.
template <class Take>
class NestedReader {
 public:
  NestedReader(JsonReader& reader, unsigned depth, const InferInput& input, NestedTensor& tensor)
      : reader_(reader), outer_depth_(depth), input_(input), tensor_(tensor) {}

  base::Result<> read(ondemand::value& value, std::size_t level) {
    const Taken taken = take(value);
    if (taken == Taken::kNoMemory) return no_memory(input_);
    if (taken == Taken::kBroken) {
      return base::fail(Code::kInvalidArgument,
                        about(input_) + "element " + std::to_string(tensor_.elements) +
                            " is an object other than {\"b64\": \"<base64>\"}");
    }
    if (taken == Taken::kYes) {
      ++tensor_.elements;
      if (!tensor_.rank) tensor_.rank = level;
      if (*tensor_.rank != level) return ragged();
      return {};
    }
    ondemand::array array;
    if (value.get_array().get(array)) return misfit(input_, tensor_.elements, value);
    if (level == base::kRankMax) {
      return base::fail(
          Code::kInvalidArgument,
          about(input_) + "at most " + std::to_string(base::kRankMax) + " dimensions are allowed");
    }
    if (outer_depth_ + level >= kJsonDepthMax) return reader_.too_deep();
    std::int64_t count = 0;
    for (auto item : array) {
      ondemand::value inner;
      if (auto error = std::move(item).get(inner)) return reader_.malformed(error);
      if (auto read = this->read(inner, level + 1); !read) return read;
      ++count;
    }
    return note(level, count);
  }

 private:
  Taken take(ondemand::value& value) {
    if constexpr (std::same_as<Take, TakeString>) {
      if (value.raw_json_token().starts_with('{'))
        return take_base64(reader_, value, tensor_.block);
    }
    return Take()(reader_, value, tensor_.block);
  }

  base::Result<> note(std::size_t level, std::int64_t count) {
    if (tensor_.dims[level] >= 0 && tensor_.dims[level] != count) return ragged();
    tensor_.dims[level] = count;
    if (count == 0 && !tensor_.rank) tensor_.rank = level + 1;
    if (*tensor_.rank <= level) return ragged();
    return {};
  }
  std::unexpected<base::Error> ragged() const {
    return base::fail(Code::kInvalidArgument,
                      about(input_) +
                          "its arrays are not all of the same length and depth, near "
                          "element " +
                          std::to_string(tensor_.elements) + "; a tensor has one shape");
  }

  JsonReader& reader_;
  unsigned outer_depth_;
  const InferInput& input_;
  NestedTensor& tensor_;
};

}  // namespace

std::byte* ElementBlock::grow(std::size_t bytes) {
  constexpr std::size_t kBytesMin = 256;
  const std::size_t wanted = std::max({used_ + bytes, used_ * 2, kBytesMin});
  base::Buffer larger = base::Buffer::try_allocate(wanted);
  if (!larger) return nullptr;
  if (used_ > 0) std::memcpy(larger.data(), block_.data(), used_);
  block_ = std::move(larger);
  return block_.data() + used_;
}

base::Result<> read_json_elements(JsonReader& reader, ondemand::array data, std::int64_t elements,
                                  unsigned depth, InferInput& input) {
  // Each element is one character at least.
  if (std::cmp_greater(elements, reader.json_bytes())) {
    return wrong_count(
        input, elements,
        "at most " + std::to_string(reader.json_bytes()) + ", for the JSON has no more bytes");
  }
  ElementBlock block;
  const std::size_t bytes = static_cast<std::size_t>(elements) * base::element_bytes(input.dtype);
  if (bytes > 0 && block.reserve(bytes) == nullptr) return no_memory(input);
  return with_taker(input.dtype, [&]<class Take>(Take) -> base::Result<> {
    FlatReader<Take> flat(reader, input, elements, block);
    if (auto read = flat.read(data, depth); !read) return read;
    if (flat.count() != elements) {
      return wrong_count(input, elements, std::to_string(flat.count()));
    }
    input.bytes = block.take();
    return {};
  });
}

base::Result<> read_nested(JsonReader& reader, ondemand::value& value, unsigned depth,
                           const InferInput& input, NestedTensor& tensor) {
  return with_taker(input.dtype, [&]<class Take>(Take) {
    return NestedReader<Take>(reader, depth, input, tensor).read(value, 0);
  });
}

}  // namespace penstock::wire
