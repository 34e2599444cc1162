// SPDX-License-Identifier: Apache-2.0
// Every native method but ModelInfer: what the server and its models say about themselves.
#include <string>
#include <vector>

#include "base/text.h"
#include "serving/front.h"

namespace penstock::serving {
namespace {

using base::Code;

constexpr std::string_view kInferenceService = "inference.GRPCInferenceService";

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

void Front::answer_control(Call& call) {
  switch (call.method) {
    case grpc::Method::kServerLive: return answer_small(call, wire::encode_flag(true));
    case grpc::Method::kServerReady:
      return answer_small(call, wire::encode_flag(context_.readiness->is_ready()));
    case grpc::Method::kModelReady: return answer_model_ready(call);
    case grpc::Method::kServerMetadata: return answer_server_metadata(call);
    case grpc::Method::kModelMetadata: return answer_model_metadata(call);
    case grpc::Method::kHealthCheck: return answer_health(call);
    case grpc::Method::kModelInfer:
    case grpc::Method::kNotNative: break;  // never come here
  }
  refuse(call, {Code::kInternal, "a method without an answer"});
}

// As in Triton, a model that is not there is a model that is not ready; the trailers say why.
void Front::answer_model_ready(Call& call) {
  const auto query = wire::decode_model_query(text_of(call.message.bytes.bytes));
  if (!query) return refuse(call, query.error());
  const VersionTable& table = context_.versions->look(context_.io_thread);
  const auto version = table.find(query->name, query->version);
  if (version) return answer_small(call, wire::encode_flag(true));
  if (version.error().code == Code::kInvalidArgument) return refuse(call, version.error());
  grpc::FieldList trailers;
  for (const http2::Field& field : grpc::ok_trailers()) {
    trailers.add_constant(field.name, field.value);
  }
  // Clients bound their trailers, and a reason may be as long as a model's loader likes.
  trailers.add_metadata(
      "penstock-reason",
      std::string_view(version.error().why).substr(0, grpc::kStatusMessageBytesMax));
  answer_small(call, wire::encode_flag(false), trailers.fields());
}

void Front::answer_server_metadata(Call& call) {
  const ServerIdentity& identity = *context_.identity;
  const std::vector<std::string_view> extensions(identity.extensions.begin(),
                                                 identity.extensions.end());
  answer_small(call,
               wire::encode_server_metadata(
                   {.name = identity.name, .version = identity.version, .extensions = extensions}));
}

void Front::answer_model_metadata(Call& call) {
  const auto query = wire::decode_model_query(text_of(call.message.bytes.bytes));
  if (!query) return refuse(call, query.error());
  const VersionTable& table = context_.versions->look(context_.io_thread);
  const auto version = table.find(query->name, query->version);
  if (!version) return refuse(call, version.error());
  std::vector<std::string> versions;
  for (const VersionEntry& entry : table.model(query->name)->versions) {
    if (entry.version != nullptr) versions.push_back(entry.version->number_text());
  }
  answer_small(call, wire::encode_model_metadata({.name = (*version)->name(),
                                                  .versions = versions,
                                                  .platform = (*version)->platform(),
                                                  .signature = &(*version)->signature()}));
}

void Front::answer_health(Call& call) {
  const auto service = wire::decode_health_request(text_of(call.message.bytes.bytes));
  if (!service) return refuse(call, service.error());
  if (!service->empty() && *service != kInferenceService) {
    return refuse(call,
                  {Code::kNotFound, "no health is known of the service " + base::quote(*service) +
                                        "; ask for \"\" or for " + base::quote(kInferenceService)});
  }
  answer_small(call, wire::encode_health_answer(context_.readiness->is_ready()
                                                    ? wire::ServingStatus::kServing
                                                    : wire::ServingStatus::kNotServing));
}

}  // namespace penstock::serving
