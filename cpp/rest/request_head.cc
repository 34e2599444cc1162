// SPDX-License-Identifier: Apache-2.0
#include "rest/request_head.h"

#include <charconv>
#include <string>
#include <utility>

#include "base/text.h"
#include "rest/list.h"
#include "rest/status.h"

namespace penstock::rest {
namespace {

using base::Code;

constexpr std::string_view kJsonBytes = "inference-header-content-length";
constexpr std::string_view kContentBytes = "content-length";

std::unexpected<Refusal> refuse(std::string why, int status = kBadRequest) {
  return std::unexpected(Refusal{status, {Code::kInvalidArgument, std::move(why)}});
}

// Digits alone: no sign, no space, no list.
std::optional<std::size_t> number_of(std::string_view text) {
  std::size_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || at != end) return std::nullopt;
  return number;
}

// The fields of a head that say something here, as they came.
struct Fields {
  RequestHead head;
  std::optional<std::string_view> content_type;  // only lest there be two
  std::optional<std::string_view> json_bytes;
  std::optional<std::string_view> content_bytes;
  std::optional<std::string_view> accept_encoding;
  std::optional<std::string_view> content_encoding;
  std::string_view repeated;  // the name of a field that came with two values

  void note(const http::Field& field) {
    if (field.name == ":method") {
      head.method = field.value;
    } else if (field.name == ":path") {
      head.path = field.value;
    } else if (field.name == "content-type") {
      note_once(content_type, field);
    } else if (field.name == "accept-encoding") {
      note_once(accept_encoding, field);
    } else if (field.name == "content-encoding") {
      note_once(content_encoding, field);
    } else if (field.name == kContentBytes) {
      note_once(content_bytes, field);
    } else if (field.name == kJsonBytes) {
      note_once(json_bytes, field);
    }
  }

 private:
  // An answer may have any coding, so of several accept-encodings the first counts.
  template <class Place>
  void note_once(Place& place, const http::Field& field) {
    if (place == Place()) {
      place = field.value;
    } else if (place != field.value && field.name != "accept-encoding") {
      repeated = field.name;
    }
  }
};

// Elements of content-encoding say which codings were applied, one over the other. We undo one.
std::optional<Coding> content_coding_of(std::string_view value) {
  Coding coding = Coding::kIdentity;
  while (!value.empty()) {
    const std::string_view name = take_element(value);
    if (name.empty()) continue;
    const std::optional<Coding> known = coding_named(name);
    if (!known || (*known != Coding::kIdentity && coding != Coding::kIdentity)) return std::nullopt;
    if (*known != Coding::kIdentity) coding = *known;
  }
  return coding;
}

}  // namespace

std::expected<RequestHead, Refusal> parse_request_head(std::span<const http::Field> all) {
  Fields fields;
  for (const http::Field& field : all) fields.note(field);
  if (!fields.repeated.empty()) {
    return refuse("header " + std::string(fields.repeated) + " comes with two values");
  }
  RequestHead head = fields.head;
  if (fields.content_encoding) {
    const std::optional<Coding> coding = content_coding_of(*fields.content_encoding);
    if (!coding) {
      return refuse("content-encoding must be gzip, deflate or identity, but " +
                        base::quote(*fields.content_encoding) + " came",
                    kUnsupportedMediaType);
    }
    head.content_coding = *coding;
  }
  if (fields.accept_encoding) head.answer_coding = answer_coding(*fields.accept_encoding);
  if (fields.content_bytes) {
    head.content_bytes = number_of(*fields.content_bytes);
    if (!head.content_bytes) {
      return refuse("Unable to parse Content-Length, got: " + base::quote(*fields.content_bytes));
    }
  }
  if (fields.json_bytes) {
    head.json_bytes = number_of(*fields.json_bytes);
    if (!head.json_bytes) {
      return refuse("Unable to parse Inference-Header-Content-Length, got: " +
                    base::quote(*fields.json_bytes));
    }
  }
  return head;
}

base::Result<std::size_t> json_bytes_of(std::optional<std::size_t> announced,
                                        std::size_t body_bytes) {
  const std::size_t json_bytes = announced.value_or(body_bytes);
  if (json_bytes <= body_bytes) return json_bytes;
  return base::fail(Code::kInvalidArgument,
                    "inference header size should be in range (0, " + std::to_string(body_bytes) +
                        "), got: " + std::to_string(json_bytes) +
                        "; it is how many bytes at the body's start are JSON");
}

}  // namespace penstock::rest
