// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "http1/limits.h"
#include "http1/refusal.h"

namespace penstock::http1 {

// What the bytes of a head say, as far as it decides over the connection: where the body ends, and
// whether another request may follow. Views are into those bytes.
struct HeadFacts {
  std::string_view method;
  std::string_view target;     // as sent
  std::string_view authority;  // of an absolute target, else of Host; empty: of neither
  std::string_view path;       // of the target; empty: that of an absolute one without a path
  std::optional<std::uint64_t> content_length;
  bool is_chunked = false;
  bool is_http10 = false;
  bool wants_close = false;  // no other request follows
  bool expects_continue = false;
  bool names_fields = false;  // Connection names others than close and keep-alive

  bool has_body() const { return is_chunked || content_length.value_or(0) > 0; }
};

// Holds a complete head, from its method to its empty line, against RFC 9112. It is stricter than
// the parser behind it, and than the RFC where that leaves a choice: whatever two servers in a row
// could read in two ways is refused, for what one of them takes for a body is another's request.
// The lines of `head` end with CRLF: LineScan has seen to that. Pure.
std::expected<HeadFacts, Refusal> check_head(std::string_view head, const Limits& limits);

// The same for the fields behind the last chunk, from the first to the empty line.
std::optional<Refusal> check_trailers(std::string_view trailers, const Limits& limits);

// Whether a proxy would leave the field out, for it concerns one connection only. `lower_case`.
bool is_hop_by_hop(std::string_view lower_case);

}  // namespace penstock::http1
