// SPDX-License-Identifier: Apache-2.0
#include "wire/json_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <optional>

#include "base/check.h"
#include "base/text.h"

namespace penstock::wire {

static_assert(kJsonPaddingBytes >= simdjson::SIMDJSON_PADDING);

namespace {

using base::Code;
using ondemand::json_type;

// Texts below it are copied even where they need not be: that costs less than a look at them.
constexpr std::size_t kCopiedBytesMax = std::size_t{64} << 10;
// What is kept for the next text.
constexpr std::size_t kKeptBytesMax = std::size_t{1} << 20;
constexpr std::size_t kFirstBytes = std::size_t{4} << 10;

std::unexpected<base::Error> no_memory() {
  return base::fail(Code::kResourceExhausted, "no memory to read the request's JSON");
}

std::string_view why(simdjson::error_code error) {
  switch (error) {
    case simdjson::EMPTY: return "it is empty";
    case simdjson::UTF8_ERROR: return "it is not valid UTF-8";
    case simdjson::UNCLOSED_STRING: return "a string does not end";
    case simdjson::UNESCAPED_CHARS: return "a string holds a control character; escape it";
    case simdjson::STRING_ERROR: return "a string holds an escape that is none";
    case simdjson::INCOMPLETE_ARRAY_OR_OBJECT: return "an array or object does not end";
    case simdjson::TAPE_ERROR: return "a comma, colon or bracket is missing or misplaced";
    case simdjson::CAPACITY: return "it is larger than 4 GiB";
    default: return simdjson::error_message(error);
  }
}

// The end of the string that begins at `at`, and whether it holds escapes. The first pass has seen
// to it that there is one.
const char* string_end(const char* at, bool& has_escapes) {
  for (;; ++at) {
    if (*at == '"') return at;
    if (*at == '\\') {
      has_escapes = true;
      ++at;
    }
  }
}

std::string_view take_digits(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view digits = text.substr(0, end);
  text.remove_prefix(end);
  return digits;
}

// Reads a number of JSON's grammar; false: it is more than binary64 holds; nothing: `token` is no
// such number.
std::optional<bool> take_decimal(std::string_view token, double& number) {
  std::string_view rest = token;
  if (rest.starts_with('-')) rest.remove_prefix(1);
  const std::string_view whole = take_digits(rest);
  if (whole.empty() || (whole.size() > 1 && whole.front() == '0')) return std::nullopt;
  std::string_view fraction;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    fraction = take_digits(rest);
    if (fraction.empty()) return std::nullopt;
  }
  std::int64_t exponent = 0;
  if (rest.starts_with('e') || rest.starts_with('E')) {
    rest.remove_prefix(1);
    const bool is_negative = rest.starts_with('-');
    if (is_negative || rest.starts_with('+')) rest.remove_prefix(1);
    const std::string_view digits = take_digits(rest);
    if (digits.empty()) return std::nullopt;
    // More than any text has digits: it decides alone.
    constexpr std::int64_t kExponentMax = std::int64_t{1} << 40;
    for (const char c : digits) exponent = std::min(exponent * 10 + (c - '0'), kExponentMax);
    if (is_negative) exponent = -exponent;
  }
  if (!rest.empty()) return std::nullopt;
  const auto [at, error] = std::from_chars(token.data(), token.data() + token.size(), number);
  if (error == std::errc()) return !std::isinf(number);
  // Out of range: which end of it says the place of the first digit that is not 0.
  const std::int64_t place = whole != "0"
                                 ? static_cast<std::int64_t>(whole.size())
                                 : -static_cast<std::int64_t>(fraction.find_first_not_of('0'));
  if (place + exponent > 0) return false;
  number = token.front() == '-' ? -0.0 : 0.0;
  return true;
}

}  // namespace

JsonScratch::JsonScratch() : state_(std::make_unique<State>()) {}
JsonScratch::~JsonScratch() = default;

bool JsonReader::has_padding() const {
  const std::span<std::byte> block = json_.owner.bytes();
  const std::byte* const end = json_.bytes.data() + json_.bytes.size();
  return end >= block.data() && end <= block.data() + block.size() &&
         static_cast<std::size_t>(block.data() + block.size() - end) >= kJsonPaddingBytes;
}

bool JsonReader::copy_text(std::string_view& text) {
  const std::size_t wanted = text.size() + kJsonPaddingBytes;
  if (state_.text_bytes < wanted) {
    const std::size_t bytes = std::max(wanted, kFirstBytes);
    state_.text_bytes = 0;
    state_.text.reset(new (std::nothrow) char[bytes]);
    if (!state_.text) return false;
    state_.text_bytes = bytes;
  }
  if (!text.empty()) std::memcpy(state_.text.get(), text.data(), text.size());
  std::memset(state_.text.get() + text.size(), ' ', kJsonPaddingBytes);
  text = {state_.text.get(), text.size()};
  return true;
}

base::Result<ondemand::object> JsonReader::open() {
  state_.strings_used = 0;
  if (state_.parser.capacity() > kKeptBytesMax && json_bytes() <= kKeptBytesMax) {
    state_.parser = ondemand::parser();
  }
  if (state_.text_bytes > kKeptBytesMax && json_bytes() <= kKeptBytesMax) {
    state_.text.reset();
    state_.text_bytes = 0;
  }
  if (state_.strings_bytes > kKeptBytesMax && json_bytes() <= kKeptBytesMax) {
    state_.strings.reset();
    state_.strings_bytes = 0;
  }
  if (json_bytes() > std::numeric_limits<std::uint32_t>::max()) {
    return malformed(simdjson::CAPACITY);
  }
  std::string_view text(reinterpret_cast<const char*>(json_.bytes.data()), json_bytes());
  const bool is_copied = text.size() <= kCopiedBytesMax || !has_padding();
  if (is_copied && !copy_text(text)) return no_memory();
  // The parser reallocates for each text longer than the one before, by exactly that much.
  if (state_.parser.capacity() < text.size()) {
    const std::size_t capacity = std::max(text.size() + text.size() / 4, kFirstBytes);
    if (state_.parser.allocate(capacity) != simdjson::SUCCESS) return no_memory();
  }
  if (auto error = state_.parser.iterate(text.data(), text.size(), text.size() + kJsonPaddingBytes)
                       .get(document_)) {
    return malformed(error);
  }
  ondemand::object object;
  if (auto error = document_.get_object().get(object)) {
    if (error != simdjson::INCORRECT_TYPE) return malformed(error);
    return base::fail(Code::kInvalidArgument, "the request's JSON must be an object");
  }
  return object;
}

base::Result<> JsonReader::close() {
  if (document_.current_location().error() == simdjson::OUT_OF_BOUNDS) return {};
  return base::fail(Code::kInvalidArgument,
                    "failed to parse the request JSON buffer: something follows its object");
}

bool JsonReader::reserve_strings() {
  if (state_.strings_bytes != 0 && state_.strings_used != 0) return true;
  // Each string is unescaped once, or twice if it names a field of an object that is read twice,
  // and becomes no longer by it. So nothing has to move once the first is there.
  const std::size_t wanted = std::max(2 * json_bytes() + kJsonPaddingBytes, kFirstBytes);
  if (state_.strings_bytes >= wanted) return true;
  state_.strings_bytes = 0;
  state_.strings.reset(new (std::nothrow) char[wanted]);
  if (!state_.strings) return false;
  state_.strings_bytes = wanted;
  return true;
}

base::Result<std::string_view> JsonReader::text_of(ondemand::raw_json_string raw) {
  bool has_escapes = false;
  const char* const begin = raw.raw();
  const char* const end = string_end(begin, has_escapes);
  const auto raw_bytes = static_cast<std::size_t>(end - begin);
  if (!has_escapes) return std::string_view(begin, raw_bytes);
  if (!reserve_strings()) return no_memory();
  PENSTOCK_CHECK(state_.strings_used + raw_bytes + kJsonPaddingBytes <= state_.strings_bytes);
  char* const room = state_.strings.get() + state_.strings_used;
  const base::Result<std::size_t> size = unescape(raw, room);
  if (!size) return std::unexpected(size.error());
  state_.strings_used += *size;
  return std::string_view(room, *size);
}

base::Result<std::size_t> JsonReader::unescape(ondemand::raw_json_string raw, char* room) {
  auto* at = reinterpret_cast<std::uint8_t*>(room);
  std::string_view text;
  if (auto error = state_.parser.unescape(raw, at).get(text)) return malformed(error);
  // An unpaired surrogate is a well-formed escape, but it is no character.
  if (!base::is_utf8(text)) return malformed(simdjson::STRING_ERROR);
  return text.size();
}

base::Result<> JsonReader::skip(ondemand::value& value, unsigned depth) {
  json_type type;
  if (auto error = value.type().get(type)) {
    double number = 0;
    if (take_rare_number(token_of(value), number)) return {};
    return malformed(error);
  }
  if (type != json_type::array && type != json_type::object) return skip_scalar(value, type);
  if (depth >= kJsonDepthMax) return too_deep();
  if (type == json_type::array) {
    ondemand::array array;
    if (auto error = value.get_array().get(array)) return malformed(error);
    for (auto item : array) {
      ondemand::value element;
      if (auto error = std::move(item).get(element)) return malformed(error);
      if (auto skipped = skip(element, depth + 1); !skipped) return skipped;
    }
    return {};
  }
  ondemand::object object;
  if (auto error = value.get_object().get(object)) return malformed(error);
  for (auto item : object) {
    ondemand::field field;
    if (auto error = std::move(item).get(field)) return malformed(error);
    if (auto key = key_of(field); !key) return std::unexpected(std::move(key.error()));
    if (auto skipped = skip(field.value(), depth + 1); !skipped) return skipped;
  }
  return {};
}

base::Result<> JsonReader::skip_scalar(ondemand::value& value, json_type type) {
  switch (type) {
    case json_type::string: {
      ondemand::raw_json_string raw;
      if (auto error = value.get_raw_json_string().get(raw)) return malformed(error);
      if (auto text = text_of(raw); !text) return std::unexpected(std::move(text.error()));
      return {};
    }
    case json_type::boolean: {
      bool truth = false;
      if (auto error = value.get_bool().get(truth)) return malformed(error);
      return {};
    }
    case json_type::number: {
      double number = 0;
      if (!take_number(value, number)) return malformed(simdjson::NUMBER_ERROR);
      return {};
    }
    default: {
      bool is_null = false;
      if (auto error = value.is_null().get(is_null)) return malformed(error);
      if (!is_null) return malformed(simdjson::N_ATOM_ERROR);
      return {};
    }
  }
}

std::unexpected<base::Error> JsonReader::malformed(simdjson::error_code error) {
  if (error == simdjson::MEMALLOC) return no_memory();
  return base::fail(Code::kInvalidArgument,
                    "failed to parse the request JSON buffer: " + std::string(why(error)));
}

std::unexpected<base::Error> JsonReader::too_deep() const {
  return base::fail(Code::kInvalidArgument,
                    "failed to parse the request JSON buffer: arrays and objects stand in one "
                    "another more than " +
                        std::to_string(kJsonDepthMax) + " deep");
}

std::string_view token_of(ondemand::value& value) {
  std::string_view token = value.raw_json_token();
  while (!token.empty() && (token.back() == ' ' || token.back() == '\n' || token.back() == '\r' ||
                            token.back() == '\t')) {
    token.remove_suffix(1);
  }
  return token;
}

std::string shown(ondemand::value& value) {
  const std::string_view token = token_of(value);
  if (token.starts_with('{')) return "an object";
  if (token.starts_with('[')) return "an array";
  if (token.starts_with('"')) {
    return "the string " +
           base::quote(token.substr(1, token.size() - std::min<std::size_t>(2, token.size())));
  }
  return base::quote(token);
}

bool take_rare_number(std::string_view token, double& number) {
  const std::optional<bool> is_long = take_decimal(token, number);
  if (is_long) return *is_long;
  const bool is_negative = token.starts_with('-');
  if (is_negative) token.remove_prefix(1);
  if (token == "NaN") {
    number = std::numeric_limits<double>::quiet_NaN();
  } else if (token == "Infinity" || token == "Inf") {
    number = std::numeric_limits<double>::infinity();
  } else {
    return false;
  }
  if (is_negative) number = -number;
  return true;
}

}  // namespace penstock::wire
