// SPDX-License-Identifier: Apache-2.0
#include "http2/nghttp2_setup.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

#include "base/check.h"
#include "http2/frame_scan.h"

namespace penstock::http2 {
namespace {

constexpr std::uint32_t kStreamsMaxForNghttp2 = std::numeric_limits<std::int32_t>::max();
// Of the first setting's value, behind the frame's head and the setting's id.
constexpr std::size_t kStreamsMaxAt = FrameScan::kHeadBytes + 2;

}  // namespace

std::unique_ptr<nghttp2_option, OptionDeleter> options_for(const Limits& limits) {
  nghttp2_option* option = nullptr;
  PENSTOCK_CHECK(nghttp2_option_new(&option) == 0);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_max_outbound_ack(option, limits.outbound_acks_max);
  nghttp2_option_set_max_continuations(option, limits.continuations_max);
  // Closed streams need no place in a priority tree that nobody will ask about.
  nghttp2_option_set_no_closed_streams(option, 1);
  // flood_guard.h counts resets; nghttp2's own clock and bound would end honest clients.
  constexpr std::uint64_t kAnyRate = std::uint64_t{1} << 32;
  nghttp2_option_set_stream_reset_rate_limit(option, kAnyRate, kAnyRate);
  return std::unique_ptr<nghttp2_option, OptionDeleter>(option);
}

nghttp2_mem memory_of(Recycler& recycler) {
  return {
      .mem_user_data = &recycler,
      .malloc = [](std::size_t bytes,
                   void* self) { return static_cast<Recycler*>(self)->allocate(bytes); },
      .free = [](void* block, void* self) { static_cast<Recycler*>(self)->release(block); },
      .calloc =
          [](std::size_t count, std::size_t bytes, void* self) {
            void* const block = static_cast<Recycler*>(self)->allocate(count * bytes);
            return block == nullptr ? block : std::memset(block, 0, count * bytes);
          },
      .realloc = [](void* block, std::size_t bytes,
                    void* self) { return static_cast<Recycler*>(self)->resize(block, bytes); },
  };
}

int submit_hello(nghttp2_session* session, const Limits& limits) {
  const std::array<nghttp2_settings_entry, 5> settings = {{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kStreamsMaxForNghttp2},  // see append_hello()
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.stream_window_bytes},
      {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, limits.frame_bytes_max},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.header_list_bytes_max},
      // RFC 9218: a client's tree of priorities, in which streams starve, means nothing.
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  }};
  const int code =
      nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  if (code != 0) return code;
  return nghttp2_session_set_local_window_size(
      session, NGHTTP2_FLAG_NONE, 0, static_cast<std::int32_t>(limits.connection_window_bytes));
}

void append_hello(http::Output& output, std::span<const std::byte> framed, const Limits& limits) {
  constexpr std::size_t kSettings = 5;
  std::array<std::byte, FrameScan::kHeadBytes + kSettings * 6> hello;
  PENSTOCK_CHECK(framed.size() == hello.size());
  std::memcpy(hello.data(), framed.data(), framed.size());
  PENSTOCK_CHECK(hello[3] == std::byte{NGHTTP2_SETTINGS});
  for (std::size_t i = 0; i < 4; ++i) {
    hello[kStreamsMaxAt + i] =
        static_cast<std::byte>(limits.concurrent_streams_max >> (24 - 8 * i));
  }
  output.append(hello);
}

base::Error broken(int code) {
  return {base::Code::kInternal,
          std::string("the HTTP/2 connection is broken: ") + nghttp2_strerror(code)};
}

Violation violation_of(int code) {
  switch (code) {
    case NGHTTP2_ERR_FLOODED:
      return {kEnhanceYourCalm, "too many pings and settings came, and no answer was read"};
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
      return {kEnhanceYourCalm, "a header block came in too many frames"};
    case NGHTTP2_ERR_CALLBACK_FAILURE:
      return {kEnhanceYourCalm, "a header list is too large to be read"};
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
      return {kProtocolError, "the connection did not begin with HTTP/2's preface"};
    default: return {kInternalError, nghttp2_strerror(code)};
  }
}

std::unexpected<base::Error> terminate(nghttp2_session* session, const Violation& why) {
  nghttp2_session_terminate_session(session, why.error_code);
  const bool is_flood = why.error_code == kEnhanceYourCalm;
  return base::fail(is_flood ? base::Code::kResourceExhausted : base::Code::kInternal,
                    std::string(why.why));
}

}  // namespace penstock::http2
