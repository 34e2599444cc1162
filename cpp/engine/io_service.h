// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "net/service.h"
#include "serving/front.h"
#include "telemetry/server_metrics.h"

namespace penstock::engine {

// Joins an io thread (net/, which knows no requests) to its Front (serving/, which knows no
// sockets). Lives on that thread.
class IoService : public net::Service {
 public:
  explicit IoService(serving::Front::Context context)
      : metrics_(*context.metrics), front_(std::move(context)) {}

  void opened(net::PeerKey peer, http2::Session& session) override;
  void received(net::PeerKey peer, std::span<const http2::Event> events, base::Nanos now) override {
    front_.received(peer.slot, events, now);
  }
  void closed(net::PeerKey peer, net::CloseReason reason) override;
  void refused() override { metrics_.record_connection_refused(); }
  void finish_pass(base::Nanos now) override { front_.finish_pass(now); }
  base::Nanos next_wake(base::Nanos now) override { return front_.next_wake(now); }
  void transferred(std::uint64_t bytes_in, std::uint64_t bytes_out) override {
    metrics_.record_bytes_received(bytes_in);
    metrics_.record_bytes_sent(bytes_out);
  }
  void sent_goaway() override { metrics_.record_goaway_sent(); }

 private:
  telemetry::ServerShard& metrics_;
  serving::Front front_;
};

}  // namespace penstock::engine
