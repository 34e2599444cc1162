// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/tensor.h"
#include "wire/infer_codec.h"
#include "wire/infer_request.h"

namespace penstock::wire {

// Where an output's elements are.
enum class ElementsPlace : std::uint8_t {
  kJson,       // in `data`
  kBytes,      // behind the JSON, their number in the parameter `binary_data_size`
  kElsewhere,  // not in the answer: in shared memory, as `parameters` say
};

struct JsonOutput {
  std::string_view name;
  const base::Tensor* tensor = nullptr;
  ElementsPlace place = ElementsPlace::kJson;
  std::span<const Parameter> parameters = {};
};

struct JsonAnswer {
  std::string_view model_name;
  std::string_view model_version;
  std::string_view id;  // empty: none
  std::span<const Parameter> parameters = {};
  std::span<const JsonOutput> outputs;
};

// `answer` -> a body: JSON, then the tensors of kBytes in order. Returns how long the JSON is:
// where `encoded` is longer, that is what Inference-Header-Content-Length must say.
//
// Numbers read back as exactly the same value (as binary64 first, as JSON's readers do). BYTES
// elements are strings and must be UTF-8: others are refused with kInvalidArgument (JSON has no
// way to carry them, and replacing them would change them unseen; Triton writes them as they are,
// which no reader takes for JSON). kResourceExhausted: no memory.
base::Result<std::size_t> encode_json_answer(const JsonAnswer& answer, EncodedMessage& encoded);

}  // namespace penstock::wire
