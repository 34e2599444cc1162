// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace penstock::grpc {

// The methods that the core answers itself. Whatever else a path may name is kNotNative.
enum class Method : std::uint8_t {
  kServerLive,
  kServerReady,
  kModelReady,
  kServerMetadata,
  kModelMetadata,
  kModelInfer,
  kHealthCheck,
  kHealthWatch,
  kHealthList,
  kNotNative,
};

// The method that a :path names, byte for byte: gRPC paths are case-sensitive.
Method method_of(std::string_view path);

// The :path of a native method; empty for kNotNative.
std::string_view path_of(Method method);

// kUnimplemented, with a sentence that says whether the path, its service or its method is unknown.
// `has_service`: the service is one that is hosted besides the native ones.
base::Error unknown_method(std::string_view path, bool has_service = false);

}  // namespace penstock::grpc
