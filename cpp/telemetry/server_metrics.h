// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "telemetry/counter.h"

// What is counted for the server as a whole. Each io thread counts in a shard of its own, without
// locks; a reader sums the shards.
namespace penstock::telemetry {

// Why a connection ended.
enum class CloseReason : std::uint8_t {
  kPeer,       // the peer closed it
  kProtocol,   // the peer broke HTTP/2 beyond repair
  kKeepalive,  // the peer did not answer a ping
  kAge,        // it had reached its maximum age
  kDrain,      // the server is stopping
  kFlood,      // the peer made work without end
  kSlow,       // the peer took too long: its hello, a request's headers, reading its answers
  kHttp1,      // the peer spoke HTTP/1 to the gRPC port and was told what this is
  kIdle,       // the peer asked for nothing, and cannot be pinged
};
inline constexpr std::size_t kCloseReasonCount = 9;

// The reason's value of the label "reason", e.g. "keepalive".
std::string_view name_of(CloseReason reason);

inline constexpr std::size_t kCodeCount = 17;

// The shards of a server, summed.
struct ServerCounts {
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_refused = 0;  // closed at once: too many
  std::uint64_t accept_failures = 0;      // times that the system had no room for a connection
  std::array<std::uint64_t, kCloseReasonCount> connections_closed{};  // by CloseReason
  std::uint64_t streams_opened = 0;
  std::uint64_t streams_closed = 0;
  std::array<std::uint64_t, kCodeCount> answers{};  // by base::Code
  std::uint64_t replies_dropped = 0;                // ready, but the stream had gone
  std::uint64_t goaways_sent = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent = 0;
  std::vector<std::uint64_t> connections_by_thread;  // open, of each io thread

  std::uint64_t connections_open() const;
  std::uint64_t streams_open() const;

  friend bool operator==(const ServerCounts&, const ServerCounts&) = default;
};

// One io thread's part of the counts. Only that thread writes; any thread may read.
class alignas(kCacheLineBytes) ServerShard {
 public:
  ServerShard() = default;
  ServerShard(const ServerShard&) = delete;
  ServerShard& operator=(const ServerShard&) = delete;

  void record_connection_accepted() { connections_accepted_.add(1); }
  void record_connection_refused() { connections_refused_.add(1); }
  void record_accept_failure() { accept_failures_.add(1); }
  void record_connection_closed(CloseReason reason) {
    connections_closed_[static_cast<std::size_t>(reason)].add(1);
  }
  void record_stream_opened() { streams_opened_.add(1); }
  void record_stream_closed() { streams_closed_.add(1); }
  // A call was answered with this status, whatever the method.
  void record_answer(base::Code code) { answers_[static_cast<std::size_t>(code)].add(1); }
  void record_reply_dropped() { replies_dropped_.add(1); }
  void record_goaway_sent() { goaways_sent_.add(1); }
  void record_bytes_received(std::uint64_t bytes) { bytes_received_.add(bytes); }
  void record_bytes_sent(std::uint64_t bytes) { bytes_sent_.add(bytes); }

  // Adds this shard to `sum`, and what it has open to the end of sum.connections_by_thread.
  void add_to(ServerCounts& sum) const;

 private:
  Counter bytes_received_;
  Counter bytes_sent_;
  Counter streams_opened_;
  Counter streams_closed_;
  std::array<Counter, kCodeCount> answers_;
  Counter connections_accepted_;
  Counter connections_refused_;
  Counter accept_failures_;
  std::array<Counter, kCloseReasonCount> connections_closed_;
  Counter replies_dropped_;
  Counter goaways_sent_;
};

// All shards of a server; lives as long as its io threads.
class ServerMetrics {
 public:
  explicit ServerMetrics(std::size_t threads)
      : threads_(threads), shards_(std::make_unique<ServerShard[]>(threads)) {}

  ServerShard& shard(std::size_t thread) {
    PENSTOCK_CHECK(thread < threads_);
    return shards_[thread];
  }
  ServerCounts counts() const;

 private:
  std::size_t threads_;
  std::unique_ptr<ServerShard[]> shards_;
};

}  // namespace penstock::telemetry
