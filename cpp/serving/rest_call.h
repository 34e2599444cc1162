// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rest/body_reader.h"
#include "rest/coding.h"
#include "rest/route.h"
#include "serving/bridge.h"
#include "wire/json_infer_encode.h"
#include "wire/json_v1_predict.h"

namespace penstock::serving {

// What a Call has more if it came as REST. A part of the Call, on its io thread; keeps its memory
// for the next one.
struct RestCall {
  rest::RouteKind route = rest::RouteKind::kControl;
  std::string model;
  std::string version;
  rest::Coding content_coding = rest::Coding::kIdentity;
  rest::Coding answer_coding = rest::Coding::kIdentity;
  bool is_head = false;                     // the answer's body stays here
  std::optional<std::size_t> header_bytes;  // of the body, that are JSON; nothing: all of them
  rest::BodyReader body;
  // Of each output that is answered, in order.
  std::vector<wire::ElementsPlace> places;
  wire::V1Form v1_form = wire::V1Form::kRows;
  std::size_t json_bytes = 0;  // of the answer; tensors follow them
  // Of the request, and then of its answer, if the control thread gives it.
  Metadata fields;

  void clear() {
    is_head = false;
    body.clear();
    fields.clear();
  }
};

}  // namespace penstock::serving
