// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

#include "base/error.h"
#include "http/event.h"
#include "rest/coding.h"
#include "rest/status.h"

namespace penstock::rest {

// What the headers of a request say about its body and its answer. Views last as long as the
// fields, that is until the session's next feed().
struct RequestHead {
  std::string_view method;
  std::string_view path;                      // with the query
  Coding content_coding = Coding::kIdentity;  // of the body
  Coding answer_coding = Coding::kIdentity;   // the one that the client likes best
  std::optional<std::size_t> content_bytes;   // content-length
  // Inference-Header-Content-Length: how many bytes of the body, once it is decoded, are JSON.
  // Nothing: all of them; 0: none, see wire/raw_infer.h.
  std::optional<std::size_t> json_bytes;
};

// Refuses headers that cannot be right: with 400, or with 415 for a coding that is not known, which
// is answered with accept-encoding: kAcceptedCodings. Field names are lower-case. A field that must
// not be repeated is refused where it comes twice with different values; framing (content-length
// against transfer-encoding) is the session's.
std::expected<RequestHead, Refusal> parse_request_head(std::span<const http::Field> fields);

// How many bytes of a body are JSON, where RequestHead::json_bytes says `announced`.
// kInvalidArgument: that is more than the body has.
base::Result<std::size_t> json_bytes_of(std::optional<std::size_t> announced,
                                        std::size_t body_bytes);

}  // namespace penstock::rest
