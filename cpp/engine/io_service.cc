// SPDX-License-Identifier: Apache-2.0
#include "engine/io_service.h"

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
  }
  return telemetry::CloseReason::kSocket;
}

}  // namespace

void IoService::opened(net::PeerKey peer, http2::Session& session) {
  metrics_.record_connection_accepted();
  front_.opened(peer.slot, peer.id, session);
}

void IoService::closed(net::PeerKey peer, net::CloseReason reason) {
  metrics_.record_connection_closed(counted_as(reason));
  front_.closed(peer.slot);
}

}  // namespace penstock::engine
