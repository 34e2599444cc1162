// SPDX-License-Identifier: Apache-2.0
// gRPC C++ and protobuf with one ONNX Runtime run for each request, on the thread that brought it.
//
//   grpc_cpp_ort PORT LIBRARY MODEL INPUT_ROW OUTPUT_ROW
//
// LIBRARY is the wheel's libonnxruntime.so.1.*, MODEL an ONNX file of floats [n, INPUT_ROW] INPUT0
// to floats [n, OUTPUT_ROW] OUTPUT0; the rows' shapes as "30" or "32,256".
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "grpc_cpp_server.h"
#include "ort_session.h"
#include "shape.h"

namespace {

std::vector<int64_t> batch_of(size_t rows, const std::vector<int64_t>& row) {
  std::vector<int64_t> shape{static_cast<int64_t>(rows)};
  shape.insert(shape.end(), row.begin(), row.end());
  return shape;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 6) {
    std::fprintf(stderr, "usage: grpc_cpp_ort PORT LIBRARY MODEL INPUT_ROW OUTPUT_ROW\n");
    return 2;
  }
  rivals::OrtSession session(arguments[2], arguments[3], 1);
  const std::vector<int64_t> in_row = rivals::parse_shape(arguments[4]);
  const std::vector<int64_t> out_row = rivals::parse_shape(arguments[5]);
  const size_t in_width = rivals::count_of(in_row);
  const size_t out_width = rivals::count_of(out_row);
  const auto answer = [&](rivals::Request& request, rivals::Response& response) {
    const size_t row_bytes = in_width * sizeof(float);
    if (request.raw_input_contents_size() != 1 ||
        request.raw_input_contents(0).size() % row_bytes != 0) {
      return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "one raw input of rows is wanted");
    }
    const std::string& raw = request.raw_input_contents(0);
    const size_t rows = raw.size() / row_bytes;
    const std::vector<int64_t> in_shape = batch_of(rows, in_row);
    const std::vector<int64_t> out_shape = batch_of(rows, out_row);
    auto& output = rivals::begin_answer(request, response);
    output.mutable_shape()->Add(out_shape.begin(), out_shape.end());
    std::string& answered = *response.add_raw_output_contents();
    answered.resize(rows * out_width * sizeof(float));
    session.run({reinterpret_cast<const float*>(raw.data()), rows * in_width}, in_shape,
                {reinterpret_cast<float*>(answered.data()), rows * out_width}, out_shape);
    return grpc::Status::OK;
  };
  return rivals::serve(std::atoi(arguments[1]), answer);
}
