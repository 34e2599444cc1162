// SPDX-License-Identifier: Apache-2.0
#include "engine/io_service.h"

#include <algorithm>

#include "serving/shadow_desk.h"

namespace penstock::engine {
namespace {

telemetry::CloseReason counted_as(net::CloseReason reason) {
  switch (reason) {
    case net::CloseReason::kPeerClosed: return telemetry::CloseReason::kPeer;
    case net::CloseReason::kProtocolError: return telemetry::CloseReason::kProtocol;
    case net::CloseReason::kKeepalive: return telemetry::CloseReason::kKeepalive;
    case net::CloseReason::kAge: return telemetry::CloseReason::kAge;
    case net::CloseReason::kFinished:
    case net::CloseReason::kStopped: return telemetry::CloseReason::kDrain;
    case net::CloseReason::kFlood: return telemetry::CloseReason::kFlood;
    case net::CloseReason::kSlow: return telemetry::CloseReason::kSlow;
    case net::CloseReason::kHttp1: return telemetry::CloseReason::kHttp1;
    case net::CloseReason::kIdle: return telemetry::CloseReason::kIdle;
  }
  return telemetry::CloseReason::kPeer;
}

// A flood of connections must not become a flood of log lines.
constexpr base::Nanos kRefusalLogRest = base::kSecond;
constexpr base::Nanos kNoRoomLogRest = 10 * base::kSecond;

// Whether a line is due `rest` after the last one; if so, notes that it is written.
bool is_due(base::Nanos& logged_ns, base::Nanos rest) {
  const base::Nanos now = base::monotonic_now();
  if (logged_ns != 0 && now - logged_ns < rest) return false;
  logged_ns = now;
  return true;
}

}  // namespace

void IoService::refused() {
  metrics_.record_connection_refused();
  if (!is_due(refusal_logged_ns_, kRefusalLogRest)) return;
  log_.write(base::Severity::kWarning, "connection_refused",
             {{"reason", "as many connections are open as connections_max allows"}});
}

void IoService::could_not_accept(const base::Error& why) {
  metrics_.record_accept_failure();
  if (!is_due(no_room_logged_ns_, kNoRoomLogRest)) return;
  log_.write(base::Severity::kError, "connection_not_accepted", {{"reason", why.why}});
}

void IoService::opened(net::PeerKey peer, net::Port port, http::Session& session) {
  metrics_.record_connection_accepted();
  front_.opened(peer.slot, peer.id,
                port == net::Port::kRest ? serving::Protocol::kRest : serving::Protocol::kGrpc,
                session);
}

void IoService::pass_written() { shadows_->flush(io_thread_); }

base::Nanos IoService::next_wake(base::Nanos now) {
  return std::min(front_.next_wake(now), shadows_->next_wake(io_thread_, now));
}

void IoService::closed(net::PeerKey peer, net::CloseReason reason) {
  metrics_.record_connection_closed(counted_as(reason));
  front_.closed(peer.slot);
}

}  // namespace penstock::engine
