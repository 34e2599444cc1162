// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <span>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "grpc/encoding.h"
#include "grpc/status.h"
#include "http/event.h"

namespace penstock::grpc {

// What the headers of a request say about its call. All views last as long as the fields it was
// parsed from, that is until the session's next feed().
struct RequestHead {
  std::string_view path;
  base::Nanos timeout_ns = base::kNever;    // from now on; 0: it has passed already
  Encoding encoding = Encoding::kIdentity;  // of messages whose compressed flag is set
  EncodingSet accepted;                     // of the answer
  std::span<const http::Field> fields;      // for grpc/metadata.h
};

// Refuses what is no gRPC call (method not POST: 405, content-type not gRPC's: 415), an encoding
// that is not known (kUnimplemented, naming the known ones) and a timeout that is none
// (kInvalidArgument). Pseudo-headers are as nghttp2 lets them pass: present, first, not repeated.
// Where another field is repeated the last one counts, except that accepted encodings add up.
std::expected<RequestHead, Rejection> parse_request_head(std::span<const http::Field> fields);

// Who asks for "/" as a browser or a health checker does, and is no gRPC client.
enum class PlainQuestion { kNone, kGet, kHead };
PlainQuestion plain_question(std::span<const http::Field> fields);

// A grpc-timeout value: one to eight digits and one of H M S m u n. Beyond what nanoseconds can
// count it is base::kNever.
base::Result<base::Nanos> parse_timeout(std::string_view value);

}  // namespace penstock::grpc
