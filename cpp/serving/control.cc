// SPDX-License-Identifier: Apache-2.0
// Every native unary method but ModelInfer and health: what the server and its models say about
// themselves.
#include <string>
#include <vector>

#include "base/text.h"
#include "serving/front.h"

namespace penstock::serving {
namespace {

using base::Code;

}  // namespace

void Front::answer_control(Call& call) {
  switch (call.method) {
    case grpc::Method::kServerLive: return answer_small(call, wire::encode_flag(true));
    case grpc::Method::kServerReady:
      return answer_small(call, wire::encode_flag(context_.readiness->is_ready()));
    case grpc::Method::kModelReady: return answer_model_ready(call);
    case grpc::Method::kServerMetadata: return answer_server_metadata(call);
    case grpc::Method::kModelMetadata: return answer_model_metadata(call);
    case grpc::Method::kHealthCheck:
    case grpc::Method::kHealthWatch:
    case grpc::Method::kHealthList: return answer_health(call);
    case grpc::Method::kModelInfer:
    case grpc::Method::kNotNative: break;  // never come here
  }
  refuse(call, {Code::kInternal, "a method without an answer"});
}

// As in Triton, a model that is not there is a model that is not ready; the trailers say why.
void Front::answer_model_ready(Call& call) {
  const auto query = wire::decode_model_query(call.message.text());
  if (!query) return refuse(call, query.error());
  const VersionTable& table = context_.versions->look(context_.io_thread);
  const Target target = representative(query->name, query->version);
  const auto version = table.find(target.model, target.version);
  if (version || table.asleep(target.model, target.version) != nullptr) {
    return answer_small(call, wire::encode_flag(true));
  }
  if (version.error().code == Code::kInvalidArgument) return refuse(call, version.error());
  grpc::FieldList trailers;
  for (const http::Field& field : grpc::ok_trailers()) {
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
  const auto query = wire::decode_model_query(call.message.text());
  if (!query) return refuse(call, query.error());
  const VersionTable& table = context_.versions->look(context_.io_thread);
  const Target target = representative(query->name, query->version);
  const auto version = table.find(target.model, target.version);
  if (!version) {
    const auto parked = park_or(call, table, target.model, target.version, version.error());
    return parked ? void() : refuse(call, parked.error());
  }
  const std::vector<std::string> versions = table.loaded_versions(target.model);
  answer_small(call, wire::encode_model_metadata({.name = query->name,
                                                  .versions = versions,
                                                  .platform = (*version)->platform(),
                                                  .signature = &(*version)->signature(),
                                                  .notes = &(*version)->notes()}));
}

}  // namespace penstock::serving
