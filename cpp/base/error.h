// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace penstock::base {

// Why something failed, in gRPC's own vocabulary: grpc/status.cc turns a Code into trailers,
// bindings/errors.cc into a Python exception. Values are gRPC's numbers.
enum class Code : std::uint8_t {
  kOk = 0,                  // never the code of an Error
  kCancelled = 1,           // the caller went away or reset its stream
  kUnknown = 2,             // a Python backend raised something that carries no code
  kInvalidArgument = 3,     // the request is wrong whatever the server's state is
  kDeadlineExceeded = 4,    // the caller's deadline passed before an answer existed
  kNotFound = 5,            // no such model, version or tensor
  kAlreadyExists = 6,       // a name is taken
  kPermissionDenied = 7,    // the caller may not do this
  kResourceExhausted = 8,   // a bound of this server was reached: message, memory
  kFailedPrecondition = 9,  // the server's state forbids it
  kAborted = 10,            // a concurrent change won
  kOutOfRange = 11,         // past the end of something
  kUnimplemented = 12,      // no such method, or one this build does not serve
  kInternal = 13,           // a broken rule of the protocol, or a backend's own failure
  kUnavailable = 14,        // not now: loading, failed to load, draining; a retry may help
  kDataLoss = 15,           // unrecoverable corruption
  kUnauthenticated = 16,    // no valid credentials
};

// The upper-case name gRPC gives a code, e.g. "INVALID_ARGUMENT".
std::string_view name_of(Code code);

// The failure that has this number among gRPC's; kInternal for one that is none.
Code failure_code(std::int64_t number);

// A failure that a peer, a file or a user can cause: a code and one sentence that says what was
// wanted, what was found and how to mend it.
struct Error {
  Code code = Code::kInternal;
  std::string why;

  friend bool operator==(const Error&, const Error&) = default;
};

template <class T = void>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Code code, std::string why) {
  return std::unexpected(Error{code, std::move(why)});
}

}  // namespace penstock::base
