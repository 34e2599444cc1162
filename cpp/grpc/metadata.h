// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "http/event.h"

// Custom metadata: the fields of a header list that are the application's own. Nothing is copied
// or decoded until somebody asks for it, for most requests' metadata is never read.
namespace penstock::grpc {

// False for pseudo-headers and for what gRPC and HTTP keep to themselves.
bool is_custom_metadata(std::string_view name);

// Names with this ending carry base64 of arbitrary bytes.
inline bool is_binary_metadata(std::string_view name) { return name.ends_with("-bin"); }

// Visits the custom metadata of `fields` in order: visit(name, value), values as they came.
template <class Visit>
void for_each_metadata(std::span<const http::Field> fields, Visit&& visit) {
  for (const http::Field& field : fields) {
    if (is_custom_metadata(field.name)) visit(field.name, field.value);
  }
}

// Every value under the name of a "-bin" field, decoded. gRPC lets a peer join several values with
// commas, pad each or not. kInvalidArgument names the field.
base::Result<std::vector<std::string>> decode_binary_metadata(const http::Field& field);

// One value for a "-bin" field: base64 without padding, as gRPC wants it sent.
std::string encode_binary_metadata(std::string_view bytes);

}  // namespace penstock::grpc
