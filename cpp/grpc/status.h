// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "grpc/encoding.h"
#include "grpc/field_list.h"
#include "http/event.h"

// The one place where a base::Error becomes what gRPC sends: header lists for every way in which
// an answer can begin or end.
namespace penstock::grpc {

// A grpc-message's length at most, after percent-encoding: clients bound their trailers (8 KiB is
// what gRPC suggests), and the sentence must not cost them the status.
inline constexpr std::size_t kStatusMessageBytesMax = 4096;

// A request refused by its head alone. `http_status` differs from 200 where the peer may not speak
// gRPC at all and would take a 200 for success.
struct Rejection {
  base::Error error;
  int http_status = 200;         // or 405, 415
  bool names_encodings = false;  // tell the peer which encodings it may use
};

// The answer's headers when a message follows: `answer` is the encoding of that message, `request`
// the request's own (a peer that sent a compressed message is told what is accepted). Constant, as
// is ok_trailers(): nothing to free, nothing to copy.
std::span<const http::Field> response_headers(Encoding answer, Encoding request);
std::span<const http::Field> ok_trailers();

// The trailers after response_headers() when the call failed late.
FieldList error_trailers(const base::Error& error);

// The single header list of an answer that has no message ("trailers-only").
FieldList trailers_only(const base::Error& error);
// The same for a rejection.
FieldList rejection_headers(const Rejection& rejection);

// Printable ASCII except '%' stays (a blank at either end does not), every other byte becomes %XX;
// what is not UTF-8 becomes U+FFFD.
// A text whose code exceeds `bytes_max` is cut between characters and ends in "...".
std::string percent_encode(std::string_view text, std::size_t bytes_max = kStatusMessageBytesMax);

// The reverse; a broken %-sequence stays as it is.
std::string percent_decode(std::string_view code);

// What a client makes of trailers (or of a trailers-only list): nothing, or the error they carry.
// kUnknown if they carry no status that gRPC knows.
base::Result<> status_of(std::span<const http::Field> trailers);

}  // namespace penstock::grpc
