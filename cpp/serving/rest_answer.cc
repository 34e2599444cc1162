// SPDX-License-Identifier: Apache-2.0
// The ends of a call that came as REST.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string>
#include <utility>

#include "grpc/framing.h"
#include "rest/body.h"
#include "rest/status.h"
#include "serving/front.h"
#include "wire/json_messages.h"

namespace penstock::serving {
namespace {

using base::Code;
using base::Error;

// In place of a gRPC path, which would begin with a slash: see penstock.hosting.rest.
constexpr std::string_view kRestPath = "rest";
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kBinary = "application/octet-stream";
// Without a body, and without a length: RFC 9110 section 8.6.
constexpr int kNoContent = 204;

// Smaller bodies fit a packet either way.
constexpr std::size_t kCodedBytesMin = 1024;

// A number as the text of a field.
class Digits {
 public:
  explicit Digits(std::size_t number)
      : end_(std::to_chars(text_.data(), text_.data() + text_.size(), number).ptr) {}
  std::string_view text() const { return {text_.data(), end_}; }

 private:
  std::array<char, 20> text_;
  const char* end_;
};

// Three digits that begin a final answer's status; 0: something else.
int status_of(std::string_view text) {
  int status = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, status);
  const bool is_sound = read.ec == std::errc() && read.ptr == end && text.size() == 3;
  return is_sound && status >= 200 ? status : 0;
}

// Whether every version of HTTP carries the field as it is.
bool is_sendable(std::string_view name, std::string_view value) {
  const auto is_of_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  return !name.empty() && std::ranges::all_of(name, is_of_name) &&
         std::ranges::none_of(value, is_control) && !value.starts_with(' ') &&
         !value.ends_with(' ');
}

base::Slice slice_of(std::string_view text) {
  const base::Buffer block = base::Buffer::allocate(text.size());
  if (!text.empty()) std::memcpy(block.data(), text.data(), text.size());
  return {block, block.bytes()};
}

}  // namespace

// Status, `fields`, content-length and a body of `encoded_`. Frees the call.
void Front::answer_rest(Call& call, int status, std::span<const http::Field> fields,
                        const Error& end) {
  http::Session& session = *peer_of(call).session;
  const Digits code(static_cast<std::size_t>(status));
  const Digits size(encoded_.size);
  rest_fields_.clear();
  rest_fields_.push_back({":status", code.text()});
  rest_fields_.insert(rest_fields_.end(), fields.begin(), fields.end());
  if (status != kNoContent) rest_fields_.push_back({"content-length", size.text()});
  const bool is_empty = encoded_.size == 0 || call.rest.is_head || status == kNoContent;
  session.send_headers(call.stream_id, rest_fields_, is_empty);
  if (!is_empty) {
    for (base::Slice& piece : encoded_.pieces) session.send_data(call.stream_id, std::move(piece));
    session.send_trailers(call.stream_id, {});
  }
  count_unsent(peer_of(call));
  encoded_.clear();
  context_.metrics->record_answer(end.code);
  context_.touch(call.connection_slot);
  free_call(call, end);
}

void Front::answer_rest_text(Call& call, int status, std::string_view json, const Error& end,
                             std::span<const http::Field> more) {
  encoded_.pieces.clear();
  encoded_.pieces.push_back(slice_of(json));
  encoded_.size = json.size();
  rest_extra_.assign(more.begin(), more.end());
  rest_extra_.push_back({"content-type", kJson});
  answer_rest(call, status, rest_extra_, end);
}

void Front::refuse_rest(Call& call, int status, const Error& error,
                        std::span<const http::Field> more) {
  answer_rest_text(call, status, wire::encode_json_error(error.why), error, more);
}

// `outputs_` are the answer's.
base::Result<> Front::encode_rest_answer(Call& call, const Version& version) {
  if (call.rest.route == rest::RouteKind::kV1Predict) {
    const auto encoded = wire::encode_v1_answer(call.rest.v1_form, outputs_, encoded_);
    call.rest.json_bytes = encoded_.size;
    return encoded;
  }
  json_outputs_.clear();
  json_places_.resize(outputs_.size());
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const wire::InferOutput& output = outputs_[i];
    wire::JsonOutput& json = json_outputs_.emplace_back();
    json = {.name = output.name, .tensor = output.tensor, .place = call.rest.places[i]};
    if (!output.shared) continue;
    json.place = wire::ElementsPlace::kElsewhere;
    json_places_[i] = {{{"shared_memory_region", output.shared->region},
                        {"shared_memory_offset", output.shared->offset},
                        {"shared_memory_byte_size", output.shared->byte_size}}};
    json.parameters = json_places_[i];
  }
  const std::string_view arm = arm_in_answer(call);
  const wire::Parameter told{wire::kArmParameter, arm};
  const wire::JsonAnswer answer{.model_name = name_in_answer(call, version),
                                .model_version = version.number_text(),
                                .id = call.request_id,
                                .parameters = std::span(&told, arm.empty() ? 0U : 1U),
                                .outputs = json_outputs_};
  const auto json_bytes = wire::encode_json_answer(answer, encoded_);
  if (!json_bytes) return std::unexpected(json_bytes.error());
  call.rest.json_bytes = *json_bytes;
  return {};
}

// `encoded_` is the body. Frees the call.
void Front::answer_rest_inference(Call& call) {
  const bool is_binary = encoded_.size > call.rest.json_bytes;
  const Digits json_bytes(call.rest.json_bytes);
  std::array<http::Field, 3> fields = {{{"content-type", is_binary ? kBinary : kJson}}};
  std::size_t count = 1;
  if (is_binary) fields[count++] = {"inference-header-content-length", json_bytes.text()};
  const rest::Coding coding = call.rest.answer_coding;
  if (coding != rest::Coding::kIdentity && encoded_.size >= kCodedBytesMin) {
    base::Slice coded = rest::encode_body(coding, encoded_.pieces);
    if (!coded.bytes.empty()) {
      encoded_.clear();
      encoded_.size = coded.bytes.size();
      encoded_.pieces.push_back(std::move(coded));
      fields[count++] = {"content-encoding", rest::name_of(coding)};
    }
  }
  answer_rest(call, rest::kOk, std::span(fields).first(count), {Code::kOk, {}});
}

// ---------------------------------------------------------------------------------------------
// What the control thread answers: one message each way

void Front::begin_hosted_rest(Call& call) {
  if (!open_hosted(call, std::string(kRestPath), std::exchange(call.rest.fields, {}), {})) return;
  const HostedCallId id = call.hosted->id;
  context_.bridge->push({.kind = HostedEvent::Kind::kMessage,
                         .call = id,
                         .message = std::exchange(call.message, {}).bytes});
  context_.bridge->push({.kind = HostedEvent::Kind::kHalfClose, .call = id});
}

void Front::take_rest_command(Call& call, HostedCommand& command) {
  switch (command.kind) {
    case HostedCommand::Kind::kHeaders: call.rest.fields = std::move(command.metadata); return;
    case HostedCommand::Kind::kMessage: return send_hosted_rest(call, command.message);
    case HostedCommand::Kind::kConsumed: return;
    case HostedCommand::Kind::kFinish: return refuse(call, command.status);
  }
}

// The end of the call.
void Front::send_hosted_rest(Call& call, const base::Slice& message) {
  encoded_.clear();
  encoded_.pieces.push_back({message.owner, message.bytes.subspan(grpc::kFramePrefixBytes)});
  encoded_.size = encoded_.pieces.front().bytes.size();
  if (!has_room_for_answer(call, encoded_.size)) {
    encoded_.clear();
    return refuse(call, too_many_bytes());
  }
  const Metadata answered = std::exchange(call.rest.fields, {});
  int status = 0;
  bool is_sound = true;
  rest_extra_.clear();
  for (const auto& [name, value] : answered) {
    if (name == ":status") {
      status = status_of(value);
    } else {
      is_sound = is_sound && is_sendable(name, value);
      rest_extra_.push_back({name, value});
    }
  }
  if (status == 0 || !is_sound) {
    encoded_.clear();
    return refuse(call, {Code::kInternal,
                         "the control application's answer has no status, or a header that HTTP "
                         "cannot carry"});
  }
  answer_rest(call, status, rest_extra_, {Code::kOk, {}});
}

}  // namespace penstock::serving
