// SPDX-License-Identifier: Apache-2.0
#include "serving/forwarded_headers.h"

#include <string_view>

#include "grpc/metadata.h"

namespace penstock::serving {
namespace {

base::Result<> keep(const http::Field& field, ForwardedHeaders& kept) {
  kept.bytes += field.name.size() + field.value.size();
  if (kept.headers.size() == kForwardedHeadersMax || kept.bytes > kForwardedBytesMax) {
    return base::fail(base::Code::kResourceExhausted,
                      "more headers of the request match the server's header-forward pattern than "
                      "a model is told: " +
                          std::to_string(kForwardedHeadersMax) + " of " +
                          std::to_string(kForwardedBytesMax) +
                          " bytes together; send fewer, or narrow the pattern");
  }
  kept.headers.emplace_back(std::string(field.name), std::string(field.value));
  return {};
}

}  // namespace

base::Result<> forward_metadata(std::span<const http::Field> fields,
                                const base::NamePattern& pattern, ForwardedHeaders& kept) {
  for (const http::Field& field : fields) {
    const std::string_view name = field.name;
    if (!grpc::is_custom_metadata(name) || grpc::is_binary_metadata(name)) continue;
    if (!pattern.matches(name)) continue;
    if (auto done = keep(field, kept); !done) return done;
  }
  return {};
}

base::Result<> forward_fields(std::span<const http::Field> fields, const base::NamePattern& pattern,
                              ForwardedHeaders& kept) {
  for (const http::Field& field : fields) {
    if (field.name.starts_with(':') || !pattern.matches(field.name)) continue;
    if (auto done = keep(field, kept); !done) return done;
  }
  return {};
}

}  // namespace penstock::serving
