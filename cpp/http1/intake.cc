// SPDX-License-Identifier: Apache-2.0
#include "http1/intake.h"

#include <algorithm>
#include <utility>

#include "http1/syntax.h"

namespace penstock::http1 {
namespace {

// Of a request line beside its target: a method, two spaces, a version, CRLF.
constexpr std::size_t kRequestLineFrameBytes = 64;
// Of what follows the beginning of a cut element, looked at a time: most elements end in there.
constexpr std::size_t kCutBytes = 1024;

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

constexpr Refusal kBareLf = {400, "a line ends with LF alone; CRLF is wanted"};
constexpr Refusal kNoMethod = {400, "the request does not begin with a method"};
constexpr Refusal kBrokenChunk = {400, "a chunk is not followed by CRLF"};
constexpr Refusal kParsersDiffer = {400, "the request is malformed"};

}  // namespace

Intake::Step Intake::next(std::span<const std::byte>& input) {
  switch (phase_) {
    case Phase::kHead:
    case Phase::kChunkHead: return read_element(input);
    case Phase::kBody:
    case Phase::kChunk: return take_body(input);
    case Phase::kEnd: break;
  }
  begin_element(Phase::kHead);
  has_skipped_blank_line_ = false;
  return Step::kEnd;
}

void Intake::begin_element(Phase phase) {
  phase_ = phase;
  scan_ = LineScan();
  chunk_.reset();
}

Intake::Found Intake::refuse(const Refusal& refusal) {
  refusal_ = refusal;
  return Found::kRefused;
}

// ---------------------------------------------------------------------------------------------
// Elements: found, checked, parsed

Intake::Step Intake::read_element(std::span<const std::byte>& input) {
  if (phase_ == Phase::kHead) skip_blank_line(input);
  if (input.empty()) return Step::kMore;
  if (kept_.empty()) {
    const Found found = scan(text_of(input));
    if (found == Found::kRefused) return Step::kRefused;
    if (found == Found::kMore) {
      kept_ = text_of(std::exchange(input, {}));
      return Step::kMore;
    }
    const std::string_view element = text_of(input.first(scan_.end()));
    input = input.subspan(scan_.end());
    return take_element(element, input);
  }
  while (!input.empty()) {
    // It is not known where the element ends; what was too much goes back.
    const auto more = input.first(std::min(input.size(), kCutBytes));
    kept_.append(text_of(more));
    input = input.subspan(more.size());
    const Found found = scan(kept_);
    if (found == Found::kRefused) return Step::kRefused;
    if (found == Found::kMore) continue;
    const std::size_t beyond = kept_.size() - scan_.end();
    input = {input.data() - beyond, input.size() + beyond};
    work_.viewed = std::exchange(kept_, std::string());
    return take_element(std::string_view(work_.viewed).substr(0, scan_.end()), input);
  }
  return Step::kMore;
}

Intake::Step Intake::take_element(std::string_view element, std::span<const std::byte>& input) {
  return phase_ == Phase::kHead ? take_head(element) : take_chunk_head(element, input);
}

// RFC 9112 section 2.2: one, before the request line.
void Intake::skip_blank_line(std::span<const std::byte>& input) {
  if (has_skipped_blank_line_ || input.empty()) return;
  if (kept_ == "\r") {
    if (!text_of(input).starts_with('\n')) return;
    kept_.clear();
    input = input.subspan(1);
  } else if (kept_.empty() && text_of(input).starts_with("\r\n")) {
    input = input.subspan(2);
  } else {
    return;
  }
  has_skipped_blank_line_ = true;
}

Intake::Found Intake::scan(std::string_view bytes) {
  return phase_ == Phase::kHead ? scan_head(bytes) : scan_chunk_head(bytes);
}

Intake::Found Intake::scan_head(std::string_view bytes) {
  if (!is_token_character(bytes.front())) {
    const bool may_be_blank_line = bytes == "\r" && !has_skipped_blank_line_;
    return may_be_blank_line ? Found::kMore : refuse(kNoMethod);
  }
  for (;;) {
    const bool is_request_line = scan_.lines() == 0;
    const std::size_t most =
        is_request_line
            ? std::min(limits_.head_bytes_max, limits_.target_bytes_max + kRequestLineFrameBytes)
            : limits_.head_bytes_max;
    const LineScan::Found found = scan_.next(bytes, most);
    switch (found.what) {
      case LineScan::What::kMore: return Found::kMore;
      case LineScan::What::kBareLf: return refuse(kBareLf);
      case LineScan::What::kTooLong:
        return refuse(is_request_line ? Refusal{414, "the request target is too long"}
                                      : Refusal{431, "the request's header fields are too large"});
      case LineScan::What::kLine:
        if (found.line.empty()) return Found::kWhole;
    }
  }
}

Intake::Found Intake::scan_chunk_head(std::string_view bytes) {
  if (!chunk_) {
    if (!is_first_chunk_) {
      if (bytes.front() != '\r') return refuse(kBrokenChunk);
      if (bytes.size() < 2) return Found::kMore;
      if (bytes[1] != '\n') return refuse(kBrokenChunk);
      if (scan_.lines() == 0) scan_.next(bytes, 2);
    }
    const auto found = scan_.next(bytes, scan_.end() + chunk_line_bytes_max(limits_));
    switch (found.what) {
      case LineScan::What::kMore: return Found::kMore;
      case LineScan::What::kBareLf: return refuse(kBareLf);
      case LineScan::What::kTooLong: return refuse({400, "the line before a chunk is too long"});
      case LineScan::What::kLine: break;
    }
    const auto facts = check_chunk_line(found.line, limits_);
    if (!facts) return refuse(facts.error());
    chunk_ = *facts;
    trailers_begin_ = scan_.end();
  }
  return chunk_->size > 0 ? Found::kWhole : scan_trailers(bytes);
}

Intake::Found Intake::scan_trailers(std::string_view bytes) {
  for (;;) {
    const auto found = scan_.next(bytes, trailers_begin_ + limits_.trailer_bytes_max);
    switch (found.what) {
      case LineScan::What::kMore: return Found::kMore;
      case LineScan::What::kBareLf: return refuse(kBareLf);
      case LineScan::What::kTooLong: return refuse({431, "the request's trailers are too large"});
      case LineScan::What::kLine:
        if (found.line.empty()) return Found::kWhole;
    }
  }
}

Intake::Step Intake::take_head(std::string_view head) {
  const auto facts = check_head(head, limits_);
  if (!facts) {
    refuse(facts.error());
    return Step::kRefused;
  }
  facts_ = *facts;
  fields_begin_ = work_.fields.size();
  work_.connections.clear();
  add_pseudo_fields();
  if (!parser_.read_head(head, facts_, {work_.fields, work_.text, work_.connections})) {
    work_.fields.resize(fields_begin_);
    refuse(kParsersDiffer);
    return Step::kRefused;
  }
  if (facts_.names_fields) leave_out_named_fields();
  is_first_chunk_ = true;
  extension_bytes_ = 0;
  body_bytes_left_ = facts_.content_length.value_or(0);
  begin_element(facts_.is_chunked ? Phase::kChunkHead
                                  : (facts_.has_body() ? Phase::kBody : Phase::kEnd));
  return Step::kHead;
}

// As HTTP/2 has them.
void Intake::add_pseudo_fields() {
  std::string_view path = facts_.path;
  if (path.empty()) {
    path = facts_.method == "OPTIONS" ? "*" : "/";
  } else if (path.front() == '?') {
    path = work_.text.keep("/" + std::string(path));
  }
  work_.fields.push_back({":method", facts_.method});
  work_.fields.push_back({":scheme", "http"});
  work_.fields.push_back({":path", path});
  if (!facts_.authority.empty()) work_.fields.push_back({":authority", facts_.authority});
}

// RFC 9110 section 7.6.1.
void Intake::leave_out_named_fields() {
  const auto is_named = [&](const http::Field& field) {
    bool is_found = false;
    for (const std::string_view value : work_.connections) {
      for_each_element(value, [&](std::string_view element) {
        is_found = is_found || is_same_but_for_case(element, field.name);
      });
    }
    return is_found;
  };
  const auto begin = work_.fields.begin() + static_cast<std::ptrdiff_t>(fields_begin_);
  work_.fields.erase(std::remove_if(begin, work_.fields.end(), is_named), work_.fields.end());
}

Intake::Step Intake::take_chunk_head(std::string_view head, std::span<const std::byte>& input) {
  extension_bytes_ += chunk_->extension_bytes;
  if (extension_bytes_ > limits_.chunk_extensions_bytes_max) {
    refuse({400, "the extensions of the chunks are too long together"});
    return Step::kRefused;
  }
  const bool is_last = chunk_->size == 0;
  if (is_last) {
    if (const auto wrong = check_trailers(head.substr(trailers_begin_), limits_)) {
      refuse(*wrong);
      return Step::kRefused;
    }
  }
  const Parser::Part part = parser_.read_body(bytes_of(head));
  if (!part.is_sound || part.read != head.size() || parser_.is_done() != is_last) {
    refuse(kParsersDiffer);
    return Step::kRefused;
  }
  is_first_chunk_ = false;
  if (is_last) {
    begin_element(Phase::kHead);
    has_skipped_blank_line_ = false;
    return Step::kEnd;
  }
  chunk_bytes_left_ = chunk_->size;
  begin_element(Phase::kChunk);
  return take_body(input);
}

Intake::Step Intake::take_body(std::span<const std::byte>& input) {
  if (input.empty()) return Step::kMore;
  const Parser::Part part = parser_.read_body(input);
  if (!part.is_sound) {
    refuse(kParsersDiffer);
    return Step::kRefused;
  }
  input = input.subspan(part.read);
  data_ = part.data;
  if (phase_ == Phase::kBody) {
    body_bytes_left_ -= data_.size();
    if (parser_.is_done()) phase_ = Phase::kEnd;
  } else {
    chunk_bytes_left_ -= data_.size();
    if (chunk_bytes_left_ == 0) begin_element(Phase::kChunkHead);
  }
  return Step::kData;
}

}  // namespace penstock::http1
