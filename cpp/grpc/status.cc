// SPDX-License-Identifier: Apache-2.0
#include "grpc/status.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/check.h"
#include "base/utf8.h"

namespace penstock::grpc {
namespace {

using http::Field;

constexpr Field kStatus200 = {":status", "200"};
constexpr Field kContentType = {"content-type", "application/grpc"};
constexpr Field kAcceptEncoding = {"grpc-accept-encoding", kAcceptedEncodings};

constexpr std::array<std::string_view, 17> kCodeTexts = {
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"};

constexpr std::string_view kEllipsis = "...";

void append_encoded(std::string& code, std::string_view character) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : character) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte <= 0x7E && c != '%') {
      code.push_back(c);
    } else {
      code.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
  }
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

void add_status(FieldList& list, const base::Error& error) {
  PENSTOCK_CHECK(error.code != base::Code::kOk);
  list.add_constant("grpc-status", kCodeTexts[static_cast<std::size_t>(error.code)]);
  if (!error.why.empty()) list.add("grpc-message", percent_encode(error.why));
}

}  // namespace

std::span<const Field> response_headers(Encoding answer, Encoding request) {
  // Without and with grpc-accept-encoding, by the encoding of the answer.
  static constexpr std::array<Field, 2> kIdentity = {kStatus200, kContentType};
  static constexpr std::array<Field, 3> kIdentityTold = {kStatus200, kContentType, kAcceptEncoding};
  static constexpr Field kIsDeflate = {"grpc-encoding", "deflate"};
  static constexpr Field kIsGzip = {"grpc-encoding", "gzip"};
  static constexpr std::array<Field, 4> kDeflate = {kStatus200, kContentType, kIsDeflate,
                                                    kAcceptEncoding};
  static constexpr std::array<Field, 4> kGzip = {kStatus200, kContentType, kIsGzip,
                                                 kAcceptEncoding};
  const bool is_told = request != Encoding::kIdentity;
  switch (answer) {
    case Encoding::kIdentity:
      return is_told ? std::span<const Field>(kIdentityTold) : std::span<const Field>(kIdentity);
    case Encoding::kDeflate: return std::span(kDeflate).first(is_told ? 4 : 3);
    case Encoding::kGzip: return std::span(kGzip).first(is_told ? 4 : 3);
  }
  return kIdentity;
}

std::span<const Field> ok_trailers() {
  static constexpr std::array<Field, 1> kOk = {Field{"grpc-status", "0"}};
  return kOk;
}

FieldList error_trailers(const base::Error& error) {
  FieldList list;
  add_status(list, error);
  return list;
}

FieldList trailers_only(const base::Error& error) {
  FieldList list;
  list.add_constant(kStatus200.name, kStatus200.value);
  list.add_constant(kContentType.name, kContentType.value);
  add_status(list, error);
  return list;
}

FieldList rejection_headers(const Rejection& rejection) {
  FieldList list;
  list.add(":status", std::to_string(rejection.http_status));
  list.add_constant(kContentType.name, kContentType.value);
  // RFC 9110 section 15.5.6: a 405 lists the methods that are allowed.
  if (rejection.http_status == 405) list.add_constant("allow", "POST");
  if (rejection.names_encodings) list.add_constant(kAcceptEncoding.name, kAcceptEncoding.value);
  add_status(list, rejection.error);
  return list;
}

std::string percent_encode(std::string_view text, std::size_t bytes_max) {
  std::string code;
  code.reserve(std::min(text.size() + 16, bytes_max));
  std::size_t cut = 0;  // the longest that leaves room for the ellipsis
  while (!text.empty()) {
    const std::string_view character = base::take_character(text);
    // RFC 9113 section 8.2.1: a field value neither begins nor ends with a blank.
    if (character == " " && (code.empty() || text.empty())) {
      code += "%20";
    } else {
      append_encoded(code, character);
    }
    if (code.size() + kEllipsis.size() <= bytes_max) cut = code.size();
    if (code.size() > bytes_max) {
      code.resize(cut);
      code += kEllipsis;
      break;
    }
  }
  return code;
}

std::string percent_decode(std::string_view code) {
  std::string text;
  text.reserve(code.size());
  for (std::size_t i = 0; i < code.size(); ++i) {
    if (code[i] == '%' && i + 2 < code.size()) {
      const int high = hex_digit(code[i + 1]);
      const int low = hex_digit(code[i + 2]);
      if (high >= 0 && low >= 0) {
        text.push_back(static_cast<char>(high * 16 + low));
        i += 2;
        continue;
      }
    }
    text.push_back(code[i]);
  }
  return text;
}

base::Result<> status_of(std::span<const Field> trailers) {
  const auto value_of = [trailers](std::string_view name) {
    const auto found = std::ranges::find(trailers, name, &Field::name);
    return found == trailers.end() ? std::string_view() : found->value;
  };
  const std::string_view status = value_of("grpc-status");
  unsigned number = 0;
  const auto [end, problem] = std::from_chars(status.data(), status.data() + status.size(), number);
  if (status.empty() || problem != std::errc() || end != status.data() + status.size() ||
      number >= kCodeTexts.size()) {
    return base::fail(base::Code::kUnknown, "the trailers' grpc-status is \"" +
                                                std::string(status) + "\", not a number 0 to 16");
  }
  if (number == 0) return {};
  return base::fail(static_cast<base::Code>(number), percent_decode(value_of("grpc-message")));
}

}  // namespace penstock::grpc
