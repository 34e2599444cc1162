// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/log.h"
#include "net/service.h"
#include "serving/front.h"
#include "telemetry/server_metrics.h"

namespace penstock::engine {

// Joins an io thread (net/, which knows no requests) to its Front (serving/, which knows no
// sockets). Lives on that thread.
class IoService : public net::Service {
 public:
  IoService(base::Log& log, serving::Front::Context context)
      : log_(log),
        metrics_(*context.metrics),
        io_thread_(context.io_thread),
        shadows_(context.shadows),
        front_(std::move(context)) {}

  void opened(net::PeerKey peer, net::Port port, http::Session& session) override;
  void received(net::PeerKey peer, std::span<const http::Event> events, base::Nanos now) override {
    front_.received(peer.slot, events, now);
  }
  void closed(net::PeerKey peer, net::CloseReason reason) override;
  void refused() override;
  void could_not_accept(const base::Error& why) override;
  void finish_pass(base::Nanos now) override { front_.finish_pass(now); }
  void pass_written() override;
  base::Nanos next_wake(base::Nanos now) override;
  void transferred(std::uint64_t bytes_in, std::uint64_t bytes_out) override {
    metrics_.record_bytes_received(bytes_in);
    metrics_.record_bytes_sent(bytes_out);
  }
  void sent_goaway() override { metrics_.record_goaway_sent(); }
  void ending_connections(base::Nanos now) override { front_.end_connections(now); }

 private:
  base::Log& log_;
  telemetry::ServerShard& metrics_;
  const std::size_t io_thread_;
  serving::ShadowDesk* const shadows_;
  base::Nanos refusal_logged_ns_ = 0;
  base::Nanos no_room_logged_ns_ = 0;
  serving::Front front_;
};

}  // namespace penstock::engine
