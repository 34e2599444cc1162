// SPDX-License-Identifier: Apache-2.0
// REST: from the events of a connection to calls, and what is answered on the io thread.
#include <array>
#include <charconv>
#include <string>
#include <utility>

#include "rest/body.h"
#include "rest/request_head.h"
#include "rest/status.h"
#include "serving/front.h"
#include "wire/json_infer_decode.h"
#include "wire/json_messages.h"
#include "wire/raw_infer.h"

namespace penstock::serving {
namespace {

using base::Code;
using base::Error;
using base::Nanos;
using rest::RouteKind;

bool is_inference(RouteKind route) {
  return route == RouteKind::kModelInfer || route == RouteKind::kV1Predict;
}

}  // namespace

void Front::on_rest_request(Peer& peer, std::uint32_t slot, const http::Event& event, Nanos now) {
  Call& call = open_call(peer, slot, event.stream_id);
  call.is_rest = true;
  call.arrived_ns = now;
  if (event.kind == http::Event::Kind::kRequestTooLarge) {
    return refuse_rest(
        call, rest::kHeaderFieldsTooLarge,
        {Code::kResourceExhausted, "the request's headers are larger than this server takes"});
  }
  RestCall& rest = call.rest;
  const auto head = rest::parse_request_head(event.fields);
  if (!head) {
    const http::Field accepted{"accept-encoding", rest::kAcceptedCodings};
    const bool is_coding = head.error().status == rest::kUnsupportedMediaType;
    return refuse_rest(call, head.error().status, head.error().error,
                       std::span(&accepted, is_coding ? 1U : 0U));
  }
  rest.is_head = head->method == "HEAD";
  const auto route = rest::parse_route(head->method, head->path, path_scratch_);
  if (!route) {
    const http::Field allow{"allow", route.error().allow};
    return refuse_rest(call, route.error().status, route.error().error,
                       std::span(&allow, allow.value.empty() ? 0U : 1U));
  }
  rest.route = route->kind;
  rest.model = route->model;
  rest.version = route->version;
  rest.content_coding = head->content_coding;
  rest.answer_coding = head->answer_coding;
  rest.header_bytes = head->json_bytes;
  const bool has_tensors_last = head->json_bytes.has_value();
  const auto begun =
      rest.body.begin({.bytes_max = context_.options->rest_body_bytes_max,
                       .announced = head->content_bytes,
                       .layout = has_tensors_last ? rest::BodyReader::Layout::kEndAligned
                                                  : rest::BodyReader::Layout::kPadded});
  if (!begun) return refuse_rest(call, begun.error());
  if (rest_forwarding_ && is_inference(rest.route)) {
    const auto kept = forward_fields(event.fields, *rest_forwarding_, call.forwarded);
    if (!kept) return refuse_rest(call, rest::kHeaderFieldsTooLarge, kept.error());
    if (!charge_body(call, 0)) return refuse(call, too_many_bytes());
  }
  if (is_inference(rest.route)) keep_headers(call, event.fields);
  if (rest.route == RouteKind::kControl) {
    for (const http::Field& field : event.fields) rest.fields.emplace_back(field.name, field.value);
  }
}

void Front::on_rest_data(Call& call, std::span<const std::byte> data) {
  rest::BodyReader& body = call.rest.body;
  if (const auto read = body.read(data); !read) return refuse_rest(call, read.error());
  if (!charge_body(call, body.held_bytes())) return refuse(call, too_many_bytes());
  peer_of(call).session->reopen_stream(call.stream_id, data.size());
}

void Front::on_rest_end(Call& call, Nanos now) {
  RestCall& rest = call.rest;
  call.arrived_ns = now;
  call.message.bytes = rest.body.take();
  if (rest.content_coding != rest::Coding::kIdentity) {
    auto plain = rest::decode_body(rest.content_coding, call.message.bytes.bytes,
                                   context_.options->rest_body_bytes_max);
    if (!plain) return refuse_rest(call, plain.error());
    call.message.bytes = std::move(*plain);
    if (!charge_body(call, call.message.bytes.bytes.size())) return refuse(call, too_many_bytes());
  }
  dispatch_rest(call, now);
}

void Front::dispatch_rest(Call& call, Nanos now) {
  switch (call.rest.route) {
    case RouteKind::kModelInfer:
    case RouteKind::kV1Predict: return start_inference(call, now);
    case RouteKind::kControl: return begin_hosted_rest(call);
    case RouteKind::kServerLive: return answer_rest_flag(call, "live", true);
    case RouteKind::kServerReady:
      return answer_rest_flag(call, "ready", context_.readiness->is_ready());
    case RouteKind::kModelReady: return answer_rest_ready(call);
    case RouteKind::kServerMetadata: return answer_rest_server(call);
    case RouteKind::kModelMetadata: return answer_rest_model(call);
  }
}

// ---------------------------------------------------------------------------------------------
// What the server and its models say about themselves

// The status is Triton's, whose clients look at nothing else; the body is that of the Open
// Inference Protocol, which KServe's client reads.
void Front::answer_rest_flag(Call& call, std::string_view what, bool is_so) {
  const std::string json = "{\"" + std::string(what) + "\":" + (is_so ? "true" : "false") + "}";
  answer_rest_text(call, is_so ? rest::kOk : rest::kBadRequest, json);
}

void Front::answer_rest_ready(Call& call) {
  const VersionTable& table = context_.versions->look(context_.io_thread);
  const Target target = representative(call.rest.model, call.rest.version);
  const auto version = table.find(target.model, target.version);
  if (version || table.asleep(target.model, target.version) != nullptr) {
    return answer_rest_text(call, rest::kOk, wire::encode_json_model_ready(call.rest.model));
  }
  refuse_rest(call, rest::kBadRequest, version.error());
}

void Front::answer_rest_server(Call& call) {
  const ServerIdentity& identity = *context_.identity;
  const std::vector<std::string_view> extensions(identity.extensions.begin(),
                                                 identity.extensions.end());
  answer_rest_text(
      call, rest::kOk,
      wire::encode_json_server_metadata(
          {.name = identity.name, .version = identity.version, .extensions = extensions}));
}

void Front::answer_rest_model(Call& call) {
  const VersionTable& table = context_.versions->look(context_.io_thread);
  const Target target = representative(call.rest.model, call.rest.version);
  const auto version = table.find(target.model, target.version);
  if (!version) {
    const auto parked = park_or(call, table, target.model, target.version, version.error());
    return parked ? void() : refuse(call, parked.error());
  }
  const std::vector<std::string> versions = table.loaded_versions(target.model);
  answer_rest_text(call, rest::kOk,
                   wire::encode_json_model_metadata({.name = call.rest.model,
                                                     .versions = versions,
                                                     .platform = (*version)->platform(),
                                                     .signature = &(*version)->signature(),
                                                     .notes = &(*version)->notes()}));
}

// ---------------------------------------------------------------------------------------------
// Inference

base::Result<> Front::decode_rest(Call& call) {
  RestCall& rest = call.rest;
  const base::Slice& body = call.message.bytes;
  base::Result<> decoded;
  if (rest.route == RouteKind::kV1Predict || rest.header_bytes == 0U) {
    const VersionTable& table = context_.versions->look(context_.io_thread);
    const Target target = representative(rest.model, rest.version);
    const auto version = table.find(target.model, target.version);
    if (!version) return park_or(call, table, target.model, target.version, version.error());
    const base::Signature& signature = (*version)->signature();
    if (rest.route == RouteKind::kV1Predict) {
      auto form = wire::decode_v1_predict(json_, body, signature, request_);
      if (!form) return std::unexpected(form.error());
      rest.v1_form = *form;
    } else {
      decoded = wire::decode_raw_infer(body, signature, request_);
    }
  } else {
    const auto json_bytes = rest::json_bytes_of(rest.header_bytes, body.bytes.size());
    if (!json_bytes) return std::unexpected(json_bytes.error());
    decoded = wire::decode_json_infer(json_, body, *json_bytes, request_);
  }
  if (!decoded) return decoded;
  request_.model_name = rest.model;
  request_.model_version = rest.version;
  return {};
}

// Where the answer carries each output, said by the request before its views are gone.
void Front::place_outputs(Call& call, const base::Signature& signature) {
  std::vector<wire::ElementsPlace>& places = call.rest.places;
  const auto place = [](bool is_binary) {
    return is_binary ? wire::ElementsPlace::kBytes : wire::ElementsPlace::kJson;
  };
  places.clear();
  for (const wire::RequestedOutput& output : request_.outputs) {
    places.push_back(place(wire::wants_binary(request_, output)));
  }
  // A body that is nothing but a tensor is answered in the same form.
  const bool is_raw = call.rest.header_bytes == 0U;
  if (places.empty()) {
    places.assign(signature.outputs.size(),
                  place(is_raw || wire::wants_binary_by_default(request_)));
  }
}

}  // namespace penstock::serving
