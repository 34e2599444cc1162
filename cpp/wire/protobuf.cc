// SPDX-License-Identifier: Apache-2.0
#include "wire/protobuf.h"

#include <string>

namespace penstock::wire {
namespace {

std::string_view defect_of(const protozero::exception& cause) {
  if (dynamic_cast<const protozero::end_of_buffer_exception*>(&cause) != nullptr) {
    return "it ends inside a field";
  }
  if (dynamic_cast<const protozero::varint_too_long_exception*>(&cause) != nullptr) {
    return "a varint is longer than 10 bytes";
  }
  if (dynamic_cast<const protozero::unknown_pbf_wire_type_exception*>(&cause) != nullptr) {
    return "a field has a wire type that proto3 does not use";
  }
  if (dynamic_cast<const protozero::invalid_tag_exception*>(&cause) != nullptr) {
    return "a field has an impossible number";
  }
  if (dynamic_cast<const protozero::invalid_length_exception*>(&cause) != nullptr) {
    return "a packed field ends inside an element";
  }
  return cause.what();
}

}  // namespace

base::Error malformed(std::string_view message, const protozero::exception& cause) {
  std::string why = "the message is not a well-formed ";
  why += message;
  why += ": ";
  why += defect_of(cause);
  return {base::Code::kInvalidArgument, std::move(why)};
}

base::Error not_utf8(std::string_view what) {
  return {base::Code::kInvalidArgument, std::string(what) + " is not valid UTF-8"};
}

}  // namespace penstock::wire
