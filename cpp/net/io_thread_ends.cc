// SPDX-License-Identifier: Apache-2.0
// How connections end: each by its age, its silence or its peer, and all of them by a drain.
#include <utility>

#include "http2/session.h"
#include "net/io_thread.h"

namespace penstock::net {

void IoThread::step(Connection& connection, base::Nanos now) {
  LifetimeState& state = connection.lifetime;
  state.has_calls = connection.session().owes_answers();
  const LifetimeStep next = next_step(state, lifetime_, now);
  timers_.schedule(connection.timer, next.next_ns);
  switch (next.action) {
    case LifetimeAction::kNone: return;
    case LifetimeAction::kPing:
      state.pinged_ns = now;
      connection.session().submit_ping();
      break;
    case LifetimeAction::kNotice: begin_notice(connection, now); break;
    case LifetimeAction::kGoaway: begin_goaway(connection, now); break;
    case LifetimeAction::kCloseKeepalive: return close(connection, CloseReason::kKeepalive);
    case LifetimeAction::kCloseAge: return close(connection, CloseReason::kAge);
    case LifetimeAction::kCloseIdle: return close(connection, CloseReason::kIdle);
    case LifetimeAction::kCloseSlow:
      connection.session().submit_goaway(http2::kEnhanceYourCalm, "this takes too long");
      return fail(connection, CloseReason::kSlow, now);
    case LifetimeAction::kCloseLingered: return close(connection, CloseReason::kFinished);
  }
  touch(connection.key.slot);
}

void IoThread::begin_notice(Connection& connection, base::Nanos now) {
  connection.lifetime.notice_ns = now;
  // It may have said nothing yet; to the REST port, its first line will tell what it speaks.
  if (connection.port == Port::kGrpc) {
    connection.speak_session();
    tell_opened(connection);
  }
  give_notice(connection);
}

void IoThread::give_notice(Connection& connection) {
  connection.session().submit_shutdown_notice();
  connection.session().submit_ping();  // its answer shows that the notice was read
  touch(connection.key.slot);
}

void IoThread::begin_goaway(Connection& connection, base::Nanos now) {
  LifetimeState& state = connection.lifetime;
  if (state.goaway_ns != base::kNever) return;
  // HTTP/1.1 has no last id: whatever has come by now is still served.
  if (!connection.session().can_ping() && connection.is_reading) {
    read(connection, now);
    const bool is_here = slots_[connection.key.slot].get() == &connection;
    if (!is_here || state.lingering_ns != base::kNever) return;
  }
  if (state.notice_ns == base::kNever) state.notice_ns = now;
  state.goaway_ns = now;
  connection.speak_session();
  tell_opened(connection);
  connection.session().submit_goaway(http2::kNoError, "this connection ends");
  service_->sent_goaway();
  touch(connection.key.slot);
  timers_.schedule(connection.timer, now);  // for what is next: the grace's end or a ping
}

void IoThread::begin_linger(Connection& connection, base::Nanos now) {
  if (connection.lifetime.lingering_ns != base::kNever) return;
  connection.lifetime.lingering_ns = now;
  // A session is finished by this side's GOAWAY, by the peer's, or by an error that nghttp2 has
  // answered by itself.
  if (!connection.ended_by) {
    connection.ended_by = connection.lifetime.goaway_ns != base::kNever
                              ? CloseReason::kFinished
                              : CloseReason::kProtocolError;
  }
  // Nothing unread can be lost with the socket.
  if (connection.is_input_over) return close(connection, CloseReason::kPeerClosed);
  connection.shut_down_writing();
  if (!std::exchange(connection.is_reading, true)) {
    poller_.rewatch(connection.fd(), connection.key.slot, true, connection.is_waiting_to_write);
  }
  timers_.schedule(connection.timer, base::after(now, kLingerMax));
}

// What the session has to say last is written, if there is room for it: nobody waits for a peer
// that has broken the rules.
void IoThread::fail(Connection& connection, CloseReason reason, base::Nanos now) {
  connection.ended_by = reason;
  const std::uint32_t slot = connection.key.slot;
  write(connection, now);
  if (slots_[slot].get() == &connection) begin_linger(connection, now);
}

void IoThread::close(Connection& connection, CloseReason reason) {
  const PeerKey key = connection.key;
  if (connection.is_opened) service_->closed(key, connection.ended_by.value_or(reason));
  poller_.unwatch(connection.fd());
  connection.timer.cancel();
  closed_.push_back(std::move(slots_[key.slot]));
  free_slots_.push_back(key.slot);
  connections_.fetch_sub(1, std::memory_order_relaxed);
}

void IoThread::begin_retire() {
  for (const auto& slot : slots_) {
    if (slot != nullptr) slot->session().retire();
  }
}

void IoThread::begin_drain(base::Nanos now) {
  for (Listener& listener : listeners_) {
    // Closing it resets the connections that wait in its backlog.
    accept_waiting(listener, Acceptor::kWaitingMax, now);
    poller_.unwatch(listener.acceptor.fd());
  }
  listeners_.clear();
  accept_again_ns_ = base::kNever;
  service_->ending_connections(now);
  lifetime_.age_grace_ns = base::kNever;  // the engine's exit timeout bounds a drain
  for (const auto& slot : slots_) {
    if (slot == nullptr || slot->lifetime.notice_ns != base::kNever) continue;
    begin_notice(*slot, now);
    step(*slot, now);  // which may close it
  }
}

}  // namespace penstock::net
