// SPDX-License-Identifier: Apache-2.0
#pragma once

// JSON requests for the tests of cpp/wire/json_*: a body that is decoded, and what came of it.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "wire/infer_codec.h"
#include "wire/json_infer_decode.h"

namespace penstock::testing {

inline base::Slice slice_of(std::string_view text, std::size_t padding = 0) {
  const base::Buffer block = base::Buffer::allocate(text.size() + padding);
  std::copy_n(text.data(), text.size(), reinterpret_cast<char*>(block.data()));
  return {block, block.bytes().first(text.size())};
}

inline std::string bytes_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A body and what was decoded from it. `binary` follows the JSON.
struct JsonDecoded {
  explicit JsonDecoded(std::string_view json, std::string_view binary = {}, std::size_t padding = 0)
      : body(slice_of(std::string(json) + std::string(binary), padding)),
        result(wire::decode_json_infer(*scratch, body, json.size(), request)) {}

  std::string why() const { return result ? "" : result.error().why; }
  std::string bytes(std::size_t input = 0) const {
    return input < request.inputs.size() ? bytes_text(request.inputs[input].bytes.bytes) : "";
  }

  std::unique_ptr<wire::JsonScratch> scratch = std::make_unique<wire::JsonScratch>();
  base::Slice body;
  wire::InferRequest request;
  base::Result<> result;
};

// One input named "x".
inline std::string json_input(std::string_view datatype, std::string_view shape,
                              std::string_view data) {
  return R"({"inputs":[{"name":"x","datatype":")" + std::string(datatype) + R"(","shape":)" +
         std::string(shape) + R"(,"data":)" + std::string(data) + "}]}";
}

inline std::string text_of_message(const wire::EncodedMessage& message) {
  std::string text;
  for (const base::Slice& piece : message.pieces) text += bytes_text(piece.bytes);
  return text;
}

}  // namespace penstock::testing
