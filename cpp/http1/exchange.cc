// SPDX-License-Identifier: Apache-2.0
#include "http1/exchange.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "http1/syntax.h"

namespace penstock::http1 {
namespace {

// Slices below this are copied next to their neighbours; larger ones get an iovec of their own.
constexpr std::size_t kCopiedBytesMax = 1024;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// RFC 9110 section 15, as far as this server is likely to say them. Others go without a phrase.
std::string_view reason_of(int status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 499: return "Client Closed Request";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return "";
  }
}

// Three digits; anything else is a mistake of this side.
int status_of(std::span<const http::Field> fields) {
  int status = 500;
  if (!fields.empty() && fields.front().name == ":status") {
    const std::string_view text = fields.front().value;
    std::from_chars(text.data(), text.data() + text.size(), status);
  }
  return status < 200 || status > 999 ? 500 : status;
}

}  // namespace

void Exchange::clear() {
  head_.clear();
  trailers_.clear();
  drop_data();
  length_left_ = 0;
  framing_ = Framing::kNone;
  is_told_ = is_http10_ = is_head_ = has_begun_ = has_length_ = has_date_ = false;
  is_ended_ = is_cut_ = is_head_framed_ = is_framed_ = closes_ = false;
  expects_continue = is_request_over = false;
}

void Exchange::begin_request(std::int32_t id, const HeadFacts& facts) {
  clear();
  id_ = id;
  is_told_ = true;
  is_http10_ = facts.is_http10;
  is_head_ = facts.method == "HEAD";
  closes_ = facts.wants_close;
  expects_continue = facts.expects_continue;
}

void Exchange::refuse(std::int32_t id, const Refusal& refusal) {
  clear();
  id_ = id;
  closes_ = true;
  std::array<char, 3> status;
  std::to_chars(status.begin(), status.end(), refusal.status);
  const std::string body = R"({"error":")" + std::string(refusal.why) + R"("})";
  const std::string length = std::to_string(body.size());
  const std::array<http::Field, 3> fields = {{{":status", {status.data(), status.size()}},
                                              {"content-type", "application/json"},
                                              {"content-length", length}}};
  begin_answer(fields, /*is_last=*/false);
  base::Buffer block = base::Buffer::allocate(body.size());
  std::ranges::copy(bytes_of(body), block.data());
  const std::span<const std::byte> bytes = block.bytes();
  add_data({std::move(block), bytes});
  end_answer({});
}

// A control character in a value could end the field, or the head: it becomes a space.
void Exchange::add_field(std::string& to, const http::Field& field) const {
  if (!is_token(field.name) || is_hop_by_hop(field.name)) return;
  to.append(field.name).append(": ");
  const std::size_t begin = to.size();
  to.append(field.value);
  if (!is_printable(field.value, /*may_have_tabs=*/true)) {
    for (char& c : std::span(to).subspan(begin)) {
      if (!is_printable({&c, 1}, /*may_have_tabs=*/true)) c = ' ';
    }
  }
  to.append("\r\n");
}

void Exchange::add_answer_field(const http::Field& field) {
  if (field.name == "content-length") {
    const char* const end = field.value.data() + field.value.size();
    const auto read = std::from_chars(field.value.data(), end, length_left_);
    has_length_ = read.ec == std::errc() && read.ptr == end;
    return;
  }
  if (field.name == "connection") {
    for_each_element(field.value, [&](std::string_view element) {
      closes_ = closes_ || is_same_but_for_case(element, "close");
    });
    return;
  }
  has_date_ = has_date_ || field.name == "date";
  add_field(head_, field);
}

// RFC 9112 section 6.3. `length_left_` is what the fields say, if they do.
void Exchange::choose_framing(int status, bool is_last) {
  const bool has_no_body = is_head_ || status == 204 || status == 304;
  if (has_no_body) {
    framing_ = Framing::kNone;
    if (!has_length_ || status == 204) return;
  } else if (is_last || has_length_) {
    framing_ = Framing::kLength;
    if (is_last) length_left_ = 0;
  } else if (is_http10_) {
    framing_ = Framing::kUntilClose;
    closes_ = true;
    return;
  } else {
    framing_ = Framing::kChunked;
    head_.append("transfer-encoding: chunked\r\n");
    return;
  }
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.begin(), digits.end(), length_left_).ptr;
  head_.append("content-length: ").append(digits.begin(), end).append("\r\n");
}

void Exchange::begin_answer(std::span<const http::Field> fields, bool is_last) {
  const int status = status_of(fields);
  std::array<char, 4> digits;
  const auto end = std::to_chars(digits.begin(), digits.end(), status).ptr;
  head_.append("HTTP/1.1 ").append(digits.begin(), end).append(" ").append(reason_of(status));
  head_.append("\r\n");
  for (const http::Field& field : fields) {
    if (!field.name.starts_with(':')) add_answer_field(field);
  }
  choose_framing(status, is_last);
  has_begun_ = true;
  is_ended_ = is_last;
}

std::size_t Exchange::add_data(base::Slice bytes) {
  if (framing_ == Framing::kNone) return 0;
  if (framing_ == Framing::kLength && bytes.bytes.size() > length_left_) {
    // More than was announced: the peer would take the rest for another answer.
    bytes.bytes = bytes.bytes.first(length_left_);
  }
  const std::size_t size = bytes.bytes.size();
  if (size == 0) return 0;
  if (framing_ == Framing::kLength) length_left_ -= size;
  body_bytes_ += size;
  body_.push_back(std::move(bytes));
  return size;
}

void Exchange::end_answer(std::span<const http::Field> trailers) {
  is_ended_ = true;
  if (framing_ != Framing::kChunked) return;
  for (const http::Field& field : trailers) {
    if (field.name != "content-length") add_field(trailers_, field);
  }
}

std::size_t Exchange::drop_data() {
  body_.clear();
  first_ = 0;
  const std::size_t dropped = std::exchange(body_bytes_, 0);
  // What was announced and is not sent ends the connection.
  if (framing_ == Framing::kLength) length_left_ += dropped;
  return dropped;
}

void Exchange::frame_head(http::Output& output, std::string_view date, bool closes) {
  if (!has_date_ && !date.empty()) head_.append("date: ").append(date).append("\r\n");
  if (closes) {
    closes_ = true;
    head_.append("connection: close\r\n");
  } else if (is_http10_) {
    head_.append("connection: keep-alive\r\n");
  }
  head_.append("\r\n");
  output.append(bytes_of(head_));
  is_head_framed_ = true;
}

// `bytes` of the first piece.
void Exchange::frame_piece(http::Output& output, std::size_t bytes) {
  base::Slice& piece = body_[first_];
  if (framing_ == Framing::kChunked) {
    std::array<char, 18> size;
    char* const end = std::to_chars(size.begin(), size.end() - 2, bytes, 16).ptr;
    end[0] = '\r';
    end[1] = '\n';
    output.append(bytes_of({size.data(), static_cast<std::size_t>(end + 2 - size.data())}));
  }
  const std::span<const std::byte> part = piece.bytes.first(bytes);
  const bool is_done = bytes == piece.bytes.size();
  piece.bytes = piece.bytes.subspan(bytes);
  if (bytes <= kCopiedBytesMax) {
    output.append(part);
    if (is_done) piece.owner.reset();
  } else {
    output.append({is_done ? std::move(piece.owner) : piece.owner, part});
  }
  if (is_done) ++first_;
  if (framing_ == Framing::kChunked) output.append(bytes_of("\r\n"));
}

std::size_t Exchange::frame_body(http::Output& output, std::size_t output_bytes_max) {
  const std::size_t before = body_bytes_;
  while (body_bytes_ > 0) {
    if (output.size() >= output_bytes_max) return before - body_bytes_;
    const std::size_t bytes =
        std::min(body_[first_].bytes.size(), output_bytes_max - output.size());
    frame_piece(output, bytes);
    body_bytes_ -= bytes;
  }
  body_.clear();
  first_ = 0;
  if (is_ended_ && !is_cut_) {
    if (framing_ == Framing::kChunked) {
      output.append(bytes_of("0\r\n"));
      output.append(bytes_of(trailers_));
      output.append(bytes_of("\r\n"));
    }
    // Less than was announced: the peer must not wait for the rest in what comes next.
    if (framing_ == Framing::kLength && length_left_ > 0) closes_ = true;
    is_framed_ = true;
  }
  return before;
}

}  // namespace penstock::http1
