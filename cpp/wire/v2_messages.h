// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/tensor.h"

// The small messages of inference.GRPCInferenceService and grpc.health.v1: protobuf bytes in,
// values out, and back. Everything but tensors, which infer_codec.h does.
namespace penstock::wire {

// ModelReadyRequest and ModelMetadataRequest: fields 1 and 2.
struct ModelQuery {
  std::string_view name;
  std::string_view version;  // empty: the one the server chooses
};

base::Result<ModelQuery> decode_model_query(std::string_view message);

// grpc.health.v1.HealthCheckRequest: field 1, the service asked about.
base::Result<std::string_view> decode_health_request(std::string_view message);

enum class ServingStatus { kUnknown = 0, kServing = 1, kNotServing = 2, kServiceUnknown = 3 };
std::string encode_health_answer(ServingStatus status);
// grpc.health.v1.HealthListResponse.
std::string encode_health_list(
    std::span<const std::pair<std::string_view, ServingStatus>> statuses);

// ServerLiveResponse, ServerReadyResponse, ModelReadyResponse: field 1.
std::string encode_flag(bool value);

struct ServerDescription {
  std::string_view name;
  std::string_view version;
  std::span<const std::string_view> extensions;
};
std::string encode_server_metadata(const ServerDescription& server);

// What a model's metadata say besides its signature; told only where a configuration asks for it.
struct ModelNotes {
  struct TensorParameter {
    std::string tensor;
    std::string name;
    std::string value;
  };
  // OIP's field 6, a map of texts. MLServer has a map of another kind there, so that its client
  // cannot read the metadata of a model that has any.
  std::vector<std::pair<std::string, std::string>> properties = {};
  // MLServer's field 4 of a tensor, a map of InferParameter.
  std::vector<TensorParameter> tensors = {};
};

struct ModelDescription {
  std::string_view name;
  std::span<const std::string> versions;
  std::string_view platform;
  const base::Signature* signature = nullptr;
  const ModelNotes* notes = nullptr;  // or none
};
// With a batch dimension every shape starts with -1.
std::string encode_model_metadata(const ModelDescription& model);

}  // namespace penstock::wire
