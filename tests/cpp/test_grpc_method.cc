// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <string_view>

#include "grpc/method.h"
#include "harness.h"

namespace penstock::grpc {
namespace {

TEST(grpc_method, every_native_path_names_its_method) {
  EXPECT(method_of("/inference.GRPCInferenceService/ServerLive") == Method::kServerLive);
  EXPECT(method_of("/inference.GRPCInferenceService/ServerReady") == Method::kServerReady);
  EXPECT(method_of("/inference.GRPCInferenceService/ModelReady") == Method::kModelReady);
  EXPECT(method_of("/inference.GRPCInferenceService/ServerMetadata") == Method::kServerMetadata);
  EXPECT(method_of("/inference.GRPCInferenceService/ModelMetadata") == Method::kModelMetadata);
  EXPECT(method_of("/inference.GRPCInferenceService/ModelInfer") == Method::kModelInfer);
  EXPECT(method_of("/grpc.health.v1.Health/Check") == Method::kHealthCheck);
}

TEST(grpc_method, a_path_and_its_method_name_each_other) {
  for (int i = 0; i < static_cast<int>(Method::kNotNative); ++i) {
    const auto method = static_cast<Method>(i);
    EXPECT(method_of(path_of(method)) == method);
  }
  EXPECT_EQ(path_of(Method::kNotNative), "");
}

TEST(grpc_method, a_path_that_differs_in_one_byte_is_another) {
  for (const std::string_view path :
       {"", "/", "/inference.GRPCInferenceService/modelinfer",
        "/inference.GRPCInferenceService/ModelInfer/", "/inference.GRPCInferenceService/ModelInfe",
        "inference.GRPCInferenceService/ModelInfer", "/inference.GRPCInferenceService/ModelInfer?x",
        "//inference.GRPCInferenceService/ModelInfer", "/grpc.health.v1.Health/watch"}) {
    EXPECT(method_of(path) == Method::kNotNative);
  }
}

TEST(grpc_method, an_unknown_method_is_told_apart_from_an_unknown_service) {
  const auto method = unknown_method("/inference.GRPCInferenceService/Nope");
  EXPECT(method.code == base::Code::kUnimplemented);
  EXPECT_CONTAINS(method.why, "service \"inference.GRPCInferenceService\"");
  EXPECT_CONTAINS(method.why, "no method \"Nope\"");
  const auto service = unknown_method("/tensorflow.serving.PredictionService/Predict");
  EXPECT(service.code == base::Code::kUnimplemented);
  EXPECT_CONTAINS(service.why, "no service \"tensorflow.serving.PredictionService\"");
  for (const std::string_view path : {"", "/", "x", "/x", "//", "/x/", "x/y", "*"}) {
    EXPECT_CONTAINS(unknown_method(path).why, "/service/Method");
  }
}

TEST(grpc_method, a_long_path_does_not_come_back_whole) {
  const std::string path = "/" + std::string(9'000, 's') + "/" + std::string(9'000, 'm');
  EXPECT_LT(unknown_method(path).why.size(), 600);
}

}  // namespace
}  // namespace penstock::grpc
