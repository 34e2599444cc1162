// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "http/event.h"
#include "http/head_text.h"
#include "http2/recycler.h"

namespace penstock::http2 {

// What a Session knows of one stream that nghttp2 does not.
struct Stream {
  std::int32_t id = 0;
  std::size_t index = 0;          // among its session's live streams
  std::vector<base::Slice> body;  // given and not yet framed
  std::size_t first = 0;          // pieces before it were framed
  std::size_t body_bytes = 0;
  std::vector<std::pair<std::string, std::string>> trailers;
  std::size_t promised_bytes = 0;  // of the body, to a frame that nghttp2 is about to write
  bool has_trailers = false;       // which wait for the body
  bool is_deferred = false;        // nghttp2 waits to be told that there is more body
  bool is_ended = false;           // this side has said its last word

  void clear() {
    body.clear();
    trailers.clear();
    first = body_bytes = promised_bytes = 0;
    has_trailers = is_deferred = is_ended = false;
  }
};

// Memory that a session needs only while it is fed, and the records of streams that are gone: one
// for all sessions of a thread, so that it stays in the core's cache however many connections
// there are, and an idle connection holds none of it. Touched by Session alone; must outlive it.
struct Workspace {
  // A request's fields: a part of `fields`, turned into a span when feed() ends.
  struct Head {
    std::size_t event = 0;
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  static constexpr std::size_t kSpareStreamsMax = 1024;

  std::vector<http::Event> events;
  std::vector<http::Field> fields;
  std::vector<Head> heads;
  http::HeadText text;  // what `fields` views
  std::vector<std::unique_ptr<Stream>> spare_streams;
  Recycler recycler;  // of nghttp2's own blocks
};

}  // namespace penstock::http2
