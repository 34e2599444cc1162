// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <memory>
#include <span>

#include "base/error.h"
#include "http/output.h"
#include "http2/error_code.h"
#include "http2/limits.h"
#include "http2/recycler.h"

// How session.cc has its nghttp2_session made. For that file alone.
namespace penstock::http2 {

struct OptionDeleter {
  void operator()(nghttp2_option* option) const { nghttp2_option_del(option); }
};
std::unique_ptr<nghttp2_option, OptionDeleter> options_for(const Limits& limits);

// nghttp2 copies this, and asks `recycler` for all that the session needs.
nghttp2_mem memory_of(Recycler& recycler);

// Submits the server's SETTINGS and opens the connection's window. Zero or nghttp2's error.
int submit_hello(nghttp2_session* session, const Limits& limits);

// Puts the first bytes that nghttp2 frames, those SETTINGS, onto `output`, with the bound on
// streams that submit_hello() has kept from nghttp2: it would end the connection of a peer that
// passes it, where RFC 9113 section 5.1.2 wants the stream refused.
void append_hello(http::Output& output, std::span<const std::byte> framed, const Limits& limits);

base::Error broken(int code);

// What nghttp2 means by an error of nghttp2_session_mem_recv(): each of them ends the connection.
// A callback fails only at Limits::header_list_bytes_read_max.
Violation violation_of(int code);

// Has the session say GOAWAY, which take_output() then gives, and nothing more.
std::unexpected<base::Error> terminate(nghttp2_session* session, const Violation& why);

}  // namespace penstock::http2
