// SPDX-License-Identifier: Apache-2.0
// gRPC C++ and protobuf with one ONNX Runtime run for each request, on the thread that brought it.
//
//   grpc_cpp_ort PORT LIBRARY MODEL INPUT_WIDTH OUTPUT_WIDTH
//
// LIBRARY is the wheel's libonnxruntime.so.1.*, MODEL an ONNX file of [n, INPUT_WIDTH] floats INPUT0
// to [n, OUTPUT_WIDTH] floats OUTPUT0.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>

#include "grpc_cpp_server.h"
#include "ort_session.h"

int main(int count, char** arguments) {
  if (count != 6) {
    std::fprintf(stderr, "usage: grpc_cpp_ort PORT LIBRARY MODEL INPUT_WIDTH OUTPUT_WIDTH\n");
    return 2;
  }
  rivals::OrtSession session(arguments[2], arguments[3], 1);
  const auto input_width = static_cast<size_t>(std::atoi(arguments[4]));
  const auto output_width = static_cast<size_t>(std::atoi(arguments[5]));
  const auto answer = [&](rivals::Request& request, rivals::Response& response) {
    const size_t row_bytes = input_width * sizeof(float);
    if (request.raw_input_contents_size() != 1 ||
        request.raw_input_contents(0).size() % row_bytes != 0) {
      return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "one raw input of rows is wanted");
    }
    const std::string& raw = request.raw_input_contents(0);
    const size_t rows = raw.size() / row_bytes;
    auto& output = rivals::begin_answer(request, response);
    const std::array in_shape{static_cast<int64_t>(rows), static_cast<int64_t>(input_width)};
    const std::array out_shape{static_cast<int64_t>(rows), static_cast<int64_t>(output_width)};
    output.add_shape(out_shape[0]);
    output.add_shape(out_shape[1]);
    std::string& answered = *response.add_raw_output_contents();
    answered.resize(rows * output_width * sizeof(float));
    session.run({reinterpret_cast<const float*>(raw.data()), rows * input_width}, in_shape,
                {reinterpret_cast<float*>(answered.data()), rows * output_width}, out_shape);
    return grpc::Status::OK;
  };
  return rivals::serve(std::atoi(arguments[1]), answer);
}
