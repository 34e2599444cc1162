// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

// What one request may hold at most. The size of the message itself is bounded by grpc/.
namespace penstock::wire {

// The request's id is copied and given back with the answer.
inline constexpr std::size_t kIdBytesMax = std::size_t{64} << 10;
inline constexpr std::size_t kInputsMax = 1024;
inline constexpr std::size_t kRequestedOutputsMax = 1024;
// Of the request, its inputs and its requested outputs together.
inline constexpr std::size_t kParametersMax = 4096;

}  // namespace penstock::wire
