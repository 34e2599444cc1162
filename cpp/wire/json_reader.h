// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#define SIMDJSON_EXCEPTIONS 0
#include <simdjson.h>

#include "base/buffer.h"
#include "base/error.h"
#include "wire/json_scratch.h"

// What the readers of JSON share. Private to this room: nothing outside knows of simdjson.
//
// simdjson's On-Demand parser finds all tokens of a text in one pass, which also checks UTF-8 and
// that strings end; values are then read where the caller looks at them. What nobody looks at is
// not checked by it, so skip() walks through unknown values. Strings without escapes are views
// into the text; others are unescaped into memory of our own, never into simdjson's, which a value
// that is read twice would overrun.
namespace penstock::wire {

namespace ondemand = simdjson::ondemand;

// Arrays and objects may stand in one another as deep as this, the outermost object included.
inline constexpr unsigned kJsonDepthMax = 64;

struct JsonScratch::State {
  ondemand::parser parser;
  std::unique_ptr<char[]> text;  // a copy with padding, where the text itself has none
  std::size_t text_bytes = 0;
  std::unique_ptr<char[]> strings;  // unescaped ones
  std::size_t strings_bytes = 0;
  std::size_t strings_used = 0;
};

// One text while it is read. Errors are kInvalidArgument, and kResourceExhausted without memory.
class JsonReader {
 public:
  // `json` lies in `owner`, or in memory whose end is its own.
  JsonReader(JsonScratch& scratch, const base::Slice& json)
      : state_(scratch.state()), json_(json) {}

  // The text's object. Its views last as long as this reader and the scratch's next text.
  base::Result<ondemand::object> open();
  // After the object has been read: nothing may follow it.
  base::Result<> close();

  // A string, unescaped. UTF-8.
  base::Result<std::string_view> text_of(ondemand::raw_json_string raw);
  base::Result<std::string_view> key_of(ondemand::field& field) { return text_of(field.key()); }
  // Unescapes into `room`, which has at least `raw_bytes` + kJsonPaddingBytes bytes. Returns how
  // many bytes it became; nothing for an escape that is none.
  base::Result<std::size_t> unescape(ondemand::raw_json_string raw, char* room);

  // Walks through a value of which only the form matters. `depth`: of the array or object that
  // holds it, 1 for the outermost.
  base::Result<> skip(ondemand::value& value, unsigned depth);

  std::unexpected<base::Error> malformed(simdjson::error_code error);
  std::unexpected<base::Error> too_deep() const;
  std::size_t json_bytes() const { return json_.bytes.size(); }

 private:
  bool has_padding() const;
  bool copy_text(std::string_view& text);
  bool reserve_strings();
  base::Result<> skip_scalar(ondemand::value& value, simdjson::ondemand::json_type type);

  JsonScratch::State& state_;
  const base::Slice& json_;
  ondemand::document document_;
};

// A scalar's characters as they stand in the text; the first character of anything else.
std::string_view token_of(ondemand::value& value);

// `"abc"`, `1.5`, `an object`: what was found where something else was wanted.
std::string shown(ondemand::value& value);

// simdjson 3.0 misreads numbers that begin with "0." and have more than 19 digits behind it. What
// is no longer than this cannot be one of them.
inline constexpr std::size_t kNumberBytesTrusted = 20;

// A number that simdjson is not trusted with, and NaN, Infinity, -Infinity and Inf, which JSON
// lacks and RapidJSON's users write. False: `token` is none, or more than binary64 holds.
bool take_rare_number(std::string_view token, double& number);

// Any number; false: it is none, or more than binary64 holds. The value may still be at its start
// afterwards, which simdjson's iterators skip.
inline bool take_number(ondemand::value& value, double& number) {
  if (value.raw_json_token().size() <= kNumberBytesTrusted && !value.get_double().get(number)) {
    return true;
  }
  return take_rare_number(token_of(value), number);
}

}  // namespace penstock::wire
