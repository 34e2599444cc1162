// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/name_pattern.h"
#include "grpc/encoding.h"

namespace penstock::serving {

// What ServerMetadata tells.
struct ServerIdentity {
  std::string name;
  std::string version;
  std::vector<std::string> extensions;
};

// One line for somebody who asks the gRPC port for "/": what this is.
inline std::string about(const ServerIdentity& identity) {
  return "Penstock " + identity.version +
         ": a model inference server; this port speaks gRPC (the KServe V2 protocol) over HTTP/2.";
}

// Bounds and habits of the way of a request; the same on every io thread.
struct FrontOptions {
  std::size_t message_bytes_max = std::size_t{64} << 20;  // of one request, after decompression
  // Requests and unread answers, per io thread.
  std::size_t inflight_bytes_max = std::size_t{2} << 30;
  // Of one REST request, as sent and after decompression.
  std::size_t rest_body_bytes_max = std::size_t{64} << 20;
  grpc::CompressionLevel answer_compression = grpc::CompressionLevel::kNone;
  // Request headers that models are told; null: none. An io thread has copies of its own.
  std::shared_ptr<const base::NamePattern> grpc_forwarding = {};
  std::shared_ptr<const base::NamePattern> rest_forwarding = {};
  // What a draining server gives to calls that the control thread answers, streams among them.
  base::Nanos hosted_drain_ns = 20 * base::kSecond;
};

// Whether this server wants traffic. Set by the control thread and by a drain, read by io threads.
class Readiness {
 public:
  void set_ready(bool is_ready) { is_ready_.store(is_ready, std::memory_order_relaxed); }
  void begin_drain() { is_draining_.store(true, std::memory_order_release); }
  bool is_draining() const { return is_draining_.load(std::memory_order_acquire); }
  bool is_ready() const { return is_ready_.load(std::memory_order_relaxed) && !is_draining(); }

 private:
  std::atomic<bool> is_ready_ = false;
  std::atomic<bool> is_draining_ = false;
};

}  // namespace penstock::serving
