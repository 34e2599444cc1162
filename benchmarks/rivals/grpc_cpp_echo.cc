// SPDX-License-Identifier: Apache-2.0
// gRPC C++ and protobuf: ModelInfer echoes INPUT0 as OUTPUT0.
//
//   grpc_cpp_echo PORT
#include <cstdio>
#include <cstdlib>

#include "grpc_cpp_server.h"

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: grpc_cpp_echo PORT\n");
    return 2;
  }
  return rivals::serve(
      std::atoi(arguments[1]), [](rivals::Request& request, rivals::Response& response) {
        if (request.inputs_size() != 1 || request.raw_input_contents_size() != 1) {
          return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "one raw input is wanted");
        }
        auto& output = rivals::begin_answer(request, response);
        output.mutable_shape()->Swap(request.mutable_inputs(0)->mutable_shape());
        response.add_raw_output_contents()->swap(*request.mutable_raw_input_contents(0));
        return grpc::Status::OK;
      });
}
