// SPDX-License-Identifier: Apache-2.0
#include "grpc/encoding.h"

namespace penstock::grpc {

EncodingSet parse_accept_encoding(std::string_view value) {
  EncodingSet accepted;
  // What gRPC's own libraries send with every request.
  if (value == "identity, deflate, gzip" || value == kAcceptedEncodings) {
    accepted.add(Encoding::kDeflate);
    accepted.add(Encoding::kGzip);
    return accepted;
  }
  while (!value.empty()) {
    const std::size_t comma = value.find(',');
    std::string_view name = value.substr(0, comma);
    value = comma == std::string_view::npos ? std::string_view() : value.substr(comma + 1);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    if (const auto known = encoding_named(name)) accepted.add(*known);
  }
  return accepted;
}

}  // namespace penstock::grpc
