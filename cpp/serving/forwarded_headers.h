// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/name_pattern.h"
#include "http/event.h"

namespace penstock::serving {

// What may be kept of one request's headers, names and values together.
inline constexpr std::size_t kForwardedHeadersMax = 64;
inline constexpr std::size_t kForwardedBytesMax = std::size_t{8} << 10;

struct ForwardedHeader {
  std::string name;  // lower-case
  std::string value;

  friend bool operator==(const ForwardedHeader&, const ForwardedHeader&) = default;
};

// The headers of one request that its model is told, as parameters; copies, for the session's views
// end before the body is there. Part of a Call, on its io thread.
struct ForwardedHeaders {
  std::vector<ForwardedHeader> headers;
  std::size_t bytes = 0;

  void clear() {
    headers.clear();
    bytes = 0;
  }
};

// Add to `kept`, in order, those of `fields` whose names the pattern matches.
// kResourceExhausted beyond the bounds above.
//
// Of a gRPC call these are among its custom metadata; binary ones ("-bin") are left out, for a
// parameter is text. Of a REST call, all but pseudo-headers.
base::Result<> forward_metadata(std::span<const http::Field> fields,
                                const base::NamePattern& pattern, ForwardedHeaders& kept);
base::Result<> forward_fields(std::span<const http::Field> fields, const base::NamePattern& pattern,
                              ForwardedHeaders& kept);

}  // namespace penstock::serving
