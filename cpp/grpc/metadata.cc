// SPDX-License-Identifier: Apache-2.0
#include "grpc/metadata.h"

#include <optional>

#include "base/base64.h"

namespace penstock::grpc {
bool is_custom_metadata(std::string_view name) {
  if (name.empty() || name.front() == ':') return false;
  // gRPC keeps the names that begin with "grpc-"; these three it hands to applications.
  if (name.starts_with("grpc-")) {
    return name == "grpc-trace-bin" || name == "grpc-tags-bin" ||
           name == "grpc-previous-rpc-attempts";
  }
  return name != "te" && name != "content-type" && name != "content-length" && name != "host";
}

base::Result<std::vector<std::string>> decode_binary_metadata(const http::Field& field) {
  std::vector<std::string> values;
  std::string_view rest = field.value;
  for (;;) {
    const std::size_t comma = rest.find(',');
    std::string_view one = rest.substr(0, comma);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    std::string& value = values.emplace_back(base::base64_bytes_max(one.size()), '\0');
    const std::optional<std::size_t> size = base::decode_base64(one, value.data());
    if (!size) {
      return base::fail(base::Code::kInvalidArgument,
                        "metadata \"" + std::string(field.name) +
                            "\" must be base64, since its name ends in \"-bin\", but it is not");
    }
    value.resize(*size);
    if (comma == std::string_view::npos) return values;
    rest.remove_prefix(comma + 1);
  }
}

std::string encode_binary_metadata(std::string_view bytes) {
  return base::encode_base64(bytes, base::Base64Padding::kWithout);
}

}  // namespace penstock::grpc
