// SPDX-License-Identifier: Apache-2.0
#include "model/column_rows.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/bytes_elements.h"
#include "base/check.h"

namespace penstock::model {
namespace {

using base::DType;

// Rows that are written together: few enough for their tensor to stay in a near cache, and enough
// of each column for a read of it to pay.
constexpr std::size_t kBlockRows = 128;

// Of texts in a column of numbers.
constexpr std::array<std::string_view, 13> kMissingWords = {
    "na",  "n/a",  "nan",  "null",   "none",    "-",  "#n/a",
    "#na", "-nan", "<na>", "1.#ind", "1.#qnan", "nil"};

template <class T>
T at(const std::byte* values, std::size_t i) {
  T value;
  std::memcpy(&value, values + i * sizeof(T), sizeof(T));
  return value;
}

bool bit(const std::uint8_t* bits, std::size_t i) { return ((bits[i / 8] >> (i % 8)) & 1) != 0; }

template <class T>
constexpr bool kIsWhole = std::integral<T>;

template <class Out>
constexpr Out missing_value() {
  if constexpr (std::floating_point<Out>) return std::numeric_limits<Out>::quiet_NaN();
  return Out{};
}

template <class Out>
Misfit missing(Out& out) {
  out = missing_value<Out>();
  return kIsWhole<Out> ? Misfit::kMissing : Misfit::kNone;
}

// A BOOL tensor's elements: a byte that is 0 or 1.
struct Truth {
  std::uint8_t value = 0;
};

template <class In>
Misfit convert(In in, Truth& out) {
  if constexpr (std::floating_point<In>) {
    if (std::isnan(in)) return Misfit::kMissing;
  }
  if (in != In{0} && in != In{1}) return Misfit::kRange;
  out.value = in == In{1} ? 1 : 0;
  return Misfit::kNone;
}

template <class In, std::floating_point Out>
Misfit convert(In in, Out& out) {
  out = static_cast<Out>(in);
  if constexpr (std::floating_point<In> && sizeof(In) > sizeof(Out)) {
    if (std::isinf(out) && !std::isinf(in)) {
      out = Out{};
      return Misfit::kRange;
    }
  }
  return Misfit::kNone;
}

template <class In, std::integral Out>
Misfit convert(In in, Out& out) {
  if constexpr (std::integral<In>) {
    if (!std::in_range<Out>(in)) return Misfit::kRange;
  } else {
    if (std::isnan(in)) return Misfit::kMissing;
    if (in != std::trunc(in)) return Misfit::kFraction;
    // The bounds are powers of two, or one less: these are exact as floats.
    const In low = static_cast<In>(std::numeric_limits<Out>::min());
    const In above = std::ldexp(In{1}, std::numeric_limits<Out>::digits);
    if (in < low || in >= above) return Misfit::kRange;
  }
  out = static_cast<Out>(in);
  return Misfit::kNone;
}

Misfit missing(Truth& out) {
  out = {};
  return Misfit::kMissing;
}

// --- texts -------------------------------------------------------------------------------------

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

bool is_word(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

bool is_missing_word(std::string_view text) {
  return std::ranges::any_of(kMissingWords,
                             [&](std::string_view word) { return is_word(text, word); });
}

// from_chars() says of what is too large and of what is too small the same.
Misfit parse_extreme(std::string_view text, double& value) {
  value = std::strtod(std::string(text).c_str(), nullptr);
  return std::isinf(value) ? Misfit::kRange : Misfit::kNone;
}

Misfit parse(std::string_view text, double& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size()) return Misfit::kNoNumber;
  if (error == std::errc::result_out_of_range) return parse_extreme(text, value);
  return error == std::errc{} ? Misfit::kNone : Misfit::kNoNumber;
}

// Whole numbers go by themselves: a double would round those of more than 53 bits.
template <class Out>
Misfit from_text(std::string_view text, Out& out) {
  text = trimmed(text);
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  if (text.empty()) return missing(out);
  if constexpr (kIsWhole<Out>) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (end == text.data() + text.size()) {
      if (error == std::errc::result_out_of_range) return Misfit::kRange;
      if (error == std::errc{}) return Misfit::kNone;
    }
  }
  double value = 0;
  const Misfit misfit = parse(text, value);
  if (misfit == Misfit::kNone && !std::isnan(value)) return convert(value, out);
  if (misfit == Misfit::kRange) return misfit;
  if (is_word(text, "true")) return convert(1, out);
  if (is_word(text, "false")) return convert(0, out);
  return is_missing_word(text) ? missing(out) : Misfit::kNoNumber;
}

template <class Offset>
std::string_view text_at(const Column& column, std::size_t i) {
  const auto begin = static_cast<std::size_t>(at<Offset>(column.values, i));
  const auto end = static_cast<std::size_t>(at<Offset>(column.values, i + 1));
  return {reinterpret_cast<const char*>(column.texts) + begin, end - begin};
}

// --- a block of a column -----------------------------------------------------------------------

template <class T>
struct Numbers {
  template <class Out>
  static Misfit read(const Column& column, std::size_t i, Out& out) {
    return convert(at<T>(column.values, i), out);
  }
};

struct Bits {
  template <class Out>
  static Misfit read(const Column& column, std::size_t i, Out& out) {
    return convert(
        static_cast<std::uint8_t>(bit(reinterpret_cast<const std::uint8_t*>(column.values), i)),
        out);
  }
};

template <class Offset>
struct Texts {
  template <class Out>
  static Misfit read(const Column& column, std::size_t i, Out& out) {
    return from_text(text_at<Offset>(column, i), out);
  }
};

struct Place {
  std::size_t row = 0;     // the block's first
  std::size_t rows = 0;    // of the block
  std::size_t column = 0;  // among all columns
  std::size_t width = 0;   // of a row, in elements
};

template <class Out>
using WriteBlock = void (*)(const Column&, const Place&, Out*, const Misfits&);

template <class Reader, class Out>
void write_checked(const Column& column, const Place& place, Out* out, const Misfits& misfits) {
  Out* to = out + place.row * place.width + place.column;
  for (std::size_t k = 0; k < place.rows; ++k, to += place.width) {
    const std::size_t i = column.first + place.row + k;
    Out value{};
    const Misfit misfit = column.validity == nullptr || bit(column.validity, i)
                              ? Reader::read(column, i, value)
                              : missing(value);
    if (misfit != Misfit::kNone) [[unlikely]] {
      value = Out{};
      if (misfits.kinds[place.row + k] == Misfit::kNone) {
        misfits.kinds[place.row + k] = misfit;
        misfits.columns[place.row + k] = static_cast<std::int32_t>(place.column);
      }
    }
    *to = value;
  }
}

// What most columns are: none is missing, and every number fits. A loop without a question.
template <class In, class Out>
constexpr bool kAlwaysFits = std::floating_point<Out> &&
                             (!std::floating_point<In> || sizeof(In) <= sizeof(Out));

template <class In, class Out>
void write_numbers(const Column& column, const Place& place, Out* out, const Misfits& misfits) {
  if constexpr (kAlwaysFits<In, Out>) {
    if (column.validity == nullptr) {
      Out* to = out + place.row * place.width + place.column;
      const std::byte* from = column.values + (column.first + place.row) * sizeof(In);
      for (std::size_t k = 0; k < place.rows; ++k, to += place.width) {
        *to = static_cast<Out>(at<In>(from, k));
      }
      return;
    }
  }
  write_checked<Numbers<In>, Out>(column, place, out, misfits);
}

template <class Out>
WriteBlock<Out> writer_of(const Column& column) {
  switch (column.kind) {
    case Column::Kind::kBools: return write_checked<Bits, Out>;
    case Column::Kind::kTexts: return write_checked<Texts<std::int32_t>, Out>;
    case Column::Kind::kLargeTexts: return write_checked<Texts<std::int64_t>, Out>;
    case Column::Kind::kNumbers: break;
  }
  switch (column.dtype) {
    case DType::kUint8: return write_numbers<std::uint8_t, Out>;
    case DType::kUint16: return write_numbers<std::uint16_t, Out>;
    case DType::kUint32: return write_numbers<std::uint32_t, Out>;
    case DType::kUint64: return write_numbers<std::uint64_t, Out>;
    case DType::kInt8: return write_numbers<std::int8_t, Out>;
    case DType::kInt16: return write_numbers<std::int16_t, Out>;
    case DType::kInt32: return write_numbers<std::int32_t, Out>;
    case DType::kInt64: return write_numbers<std::int64_t, Out>;
    case DType::kFp32: return write_numbers<float, Out>;
    case DType::kFp64: return write_numbers<double, Out>;
    default: break;
  }
  PENSTOCK_CHECK(false);
  return nullptr;
}

template <class Out>
void gather(std::span<const Column> columns, std::size_t rows, std::byte* bytes,
            const Misfits& misfits) {
  std::vector<WriteBlock<Out>> writers;
  writers.reserve(columns.size());
  for (const Column& column : columns) writers.push_back(writer_of<Out>(column));
  auto* const out = reinterpret_cast<Out*>(bytes);
  for (std::size_t row = 0; row < rows; row += kBlockRows) {
    Place place{.row = row, .rows = std::min(kBlockRows, rows - row), .width = columns.size()};
    for (; place.column < columns.size(); ++place.column) {
      writers[place.column](columns[place.column], place, out, misfits);
    }
  }
}

template <class Offset>
std::string_view present_text(const Column& column, std::size_t row) {
  const std::size_t i = column.first + row;
  if (column.validity != nullptr && !bit(column.validity, i)) return {};
  return text_at<Offset>(column, i);
}

template <class Offset>
base::Result<base::Buffer> encode(const Column& column, std::size_t rows) {
  std::size_t bytes = rows * sizeof(base::BytesLength);
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t size = present_text<Offset>(column, row).size();
    if (size > std::numeric_limits<base::BytesLength>::max()) {
      return base::fail(base::Code::kInvalidArgument,
                        "row " + std::to_string(row) + " has a text of more than 4 GiB");
    }
    bytes += size;
  }
  base::Buffer buffer = base::Buffer::try_allocate(bytes);
  if (bytes > 0 && !buffer) {
    return base::fail(base::Code::kResourceExhausted,
                      "no memory for " + std::to_string(bytes) + " bytes of text");
  }
  std::byte* to = buffer.data();
  for (std::size_t row = 0; row < rows; ++row) {
    const std::string_view text = present_text<Offset>(column, row);
    const auto length = static_cast<base::BytesLength>(text.size());
    std::memcpy(to, &length, sizeof length);
    if (!text.empty()) std::memcpy(to + sizeof length, text.data(), text.size());
    to += sizeof length + text.size();
  }
  return buffer;
}

}  // namespace

std::size_t gather_rows(std::span<const Column> columns, std::size_t rows, DType dtype,
                        std::byte* out, Misfits misfits) {
  PENSTOCK_CHECK(misfits.kinds.size() >= rows && misfits.columns.size() >= rows);
  switch (dtype) {
    case DType::kBool: gather<Truth>(columns, rows, out, misfits); break;
    case DType::kUint8: gather<std::uint8_t>(columns, rows, out, misfits); break;
    case DType::kUint16: gather<std::uint16_t>(columns, rows, out, misfits); break;
    case DType::kUint32: gather<std::uint32_t>(columns, rows, out, misfits); break;
    case DType::kUint64: gather<std::uint64_t>(columns, rows, out, misfits); break;
    case DType::kInt8: gather<std::int8_t>(columns, rows, out, misfits); break;
    case DType::kInt16: gather<std::int16_t>(columns, rows, out, misfits); break;
    case DType::kInt32: gather<std::int32_t>(columns, rows, out, misfits); break;
    case DType::kInt64: gather<std::int64_t>(columns, rows, out, misfits); break;
    case DType::kFp32: gather<float>(columns, rows, out, misfits); break;
    case DType::kFp64: gather<double>(columns, rows, out, misfits); break;
    default: PENSTOCK_CHECK(false);
  }
  return static_cast<std::size_t>(std::ranges::count_if(
      misfits.kinds.first(rows), [](Misfit m) { return m != Misfit::kNone; }));
}

base::Result<base::Buffer> encode_texts(const Column& column, std::size_t rows) {
  PENSTOCK_CHECK(column.kind == Column::Kind::kTexts || column.kind == Column::Kind::kLargeTexts);
  return column.kind == Column::Kind::kTexts ? encode<std::int32_t>(column, rows)
                                             : encode<std::int64_t>(column, rows);
}

}  // namespace penstock::model
