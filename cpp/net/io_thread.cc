// SPDX-License-Identifier: Apache-2.0
#include "net/io_thread.h"

#include <pthread.h>

#include <algorithm>
#include <ctime>
#include <limits>
#include <utility>

#include "http1/session.h"
#include "http2/session.h"

namespace penstock::net {
namespace {

constexpr std::size_t kInputBytes = std::size_t{128} << 10;
// What one pass reads before it answers: a few hundred small requests, so that all they touch stays
// in the core's own cache. The sockets that were ready besides come in the next pass, in turn.
constexpr std::uint64_t kPassBytes = 24 << 10;
constexpr std::size_t kHandedOverMax = 4096;
constexpr std::size_t kAcceptedPerPass = 64;
// The listeners' tokens; connections' are their slots.
constexpr std::uint64_t kListenerTokens = std::uint64_t{1} << 62;
// How long accepting rests when the process has no descriptor left.
constexpr base::Nanos kAcceptRest = 100 * base::kMillisecond;

// Connections opened together must not all end together: their ages spread over 0.9 to 1.1 times
// the maximum, by a multiplicative hash of the connection's number.
base::Nanos jittered_age(base::Nanos age_max, std::uint64_t id) {
  if (age_max == base::kNever) return age_max;
  const auto spread = static_cast<base::Nanos>((id * 0x9e3779b97f4a7c15ULL) >> 54);  // 0..1023
  return age_max / 10 * 9 + age_max / 5 / 1024 * spread;
}

}  // namespace

base::Result<std::unique_ptr<IoThread>> IoThread::open(const IoOptions& options) {
  auto poller = Poller::open();
  if (!poller) return std::unexpected(poller.error());
  return std::unique_ptr<IoThread>(new IoThread(options, std::move(*poller)));
}

IoThread::IoThread(const IoOptions& options, Poller poller)
    : options_(options),
      lifetime_(options.lifetime),
      poller_(std::move(poller)),
      timers_(base::monotonic_now()),
      input_(kInputBytes),
      handed_over_(kHandedOverMax) {}

IoThread::~IoThread() { join(); }

void IoThread::start(Service& service, std::vector<Listener> listeners,
                     std::vector<IoThread*> accepts_into) {
  service_ = &service;
  listeners_ = std::move(listeners);
  accepts_into_ = std::move(accepts_into);
  thread_ = std::thread([this] { run(); });
}

void IoThread::join() {
  if (!thread_.joinable()) return;
  post_stop();
  thread_.join();
}

bool IoThread::hand_over(base::UniqueFd socket, Port port) {
  // A socket that finds no room is closed with `accepted`.
  Accepted accepted{std::move(socket), port};
  const auto pushed = handed_over_.push(std::move(accepted));
  if (pushed.taken == 0) connections_.fetch_sub(1, std::memory_order_relaxed);
  if (pushed.needs_wake) wake();
  return pushed.taken != 0;
}

void IoThread::post_retire() {
  Stage serving = Stage::kServing;
  wanted_stage_.compare_exchange_strong(serving, Stage::kRetiring);
  wake();
}

void IoThread::post_drain() {
  Stage before = wanted_stage_.load();
  while (before < Stage::kDraining &&
         !wanted_stage_.compare_exchange_weak(before, Stage::kDraining)) {
  }
  wake();
}

void IoThread::post_stop() {
  wanted_stage_.store(Stage::kStopped);
  wake();
}

void IoThread::touch(std::uint32_t slot) {
  Connection* const connection = slots_[slot].get();
  if (connection == nullptr || connection->is_touched) return;
  connection->is_touched = true;
  touched_.push_back(slot);
}

std::string IoThread::peer_of(std::uint32_t slot) const {
  const Connection* const connection = slots_[slot].get();
  return connection == nullptr ? "" : peer_address(connection->fd());
}

void IoThread::run() {
  pthread_setname_np(pthread_self(), "penstock-io");
  watch_listeners();
  base::Nanos now = base::monotonic_now();
  std::span<const Readiness> ready;  // of the last wait, and not yet looked at
  while (stage_ != Stage::kStopped) {
    if (ready.empty()) ready = poller_.wait(now, next_wake(now));
    now = base::monotonic_now();
    http1_workspace_.date.set(::time(nullptr));
    const std::uint64_t enough = bytes_in_ + kPassBytes;
    while (!ready.empty() && bytes_in_ < enough) {
      look_at(ready.front(), now);
      ready = ready.subspan(1);
    }
    pass(now);
  }
  listeners_.clear();
  for (const auto& connection : slots_) {
    if (connection != nullptr) close(*connection, CloseReason::kStopped);
  }
  service_->finish_pass(base::monotonic_now());
  closed_.clear();
}

void IoThread::look_at(const Readiness& one, base::Nanos now) {
  if (one.token >= kListenerTokens) {
    const std::size_t listener = one.token - kListenerTokens;
    if (listener < listeners_.size()) accept_waiting(listeners_[listener], kAcceptedPerPass, now);
    return;
  }
  // The slot may have another connection by now; then the read finds nothing.
  Connection* const connection = slots_[one.token].get();
  if (connection == nullptr) return;
  if (one.is_writable) touch(connection->key.slot);
  if (connection->is_reading && one.is_readable) return read(*connection, now);
  // Of one that is not read, only its end is news. That it is readable may have been found before
  // its reading was paused.
  if (one.is_broken) close(*connection, CloseReason::kPeerClosed);
}

void IoThread::pass(base::Nanos now) {
  const Stage wanted = wanted_stage_.load();
  if (wanted == Stage::kRetiring && stage_ == Stage::kServing) begin_retire();
  if (wanted == Stage::kDraining && stage_ < Stage::kDraining) begin_drain(now);
  stage_ = wanted;
  adopt_handed_over(now);
  if (now >= accept_again_ns_) watch_listeners();
  timers_.advance(now,
                  [&](base::Timer& timer) { step(*static_cast<Connection*>(timer.owner), now); });
  service_->finish_pass(now);
  // By index: writing one session may touch another slot no more, but close() may run here.
  for (std::size_t i = 0; i < touched_.size(); ++i) {
    Connection* const connection = slots_[touched_[i]].get();
    if (connection == nullptr) continue;
    connection->is_touched = false;
    write(*connection, now);
  }
  service_->pass_written();
  touched_.clear();
  closed_.clear();
  if ((bytes_in_ | bytes_out_) != 0) {
    service_->transferred(std::exchange(bytes_in_, 0), std::exchange(bytes_out_, 0));
  }
}

base::Nanos IoThread::next_wake(base::Nanos now) {
  return std::min({timers_.next_expiry(now), service_->next_wake(now), accept_again_ns_});
}

// ---------------------------------------------------------------------------------------------
// New connections

void IoThread::watch_listeners() {
  accept_again_ns_ = base::kNever;
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    if (poller_.watch(listeners_[i].acceptor.fd(), kListenerTokens + i)) continue;
    return rest_from_accepting(base::monotonic_now());
  }
}

// The listeners stay readable: watching them on would spin.
void IoThread::rest_from_accepting(base::Nanos now) {
  for (const Listener& one : listeners_) poller_.unwatch(one.acceptor.fd());
  accept_again_ns_ = now + kAcceptRest;
}

void IoThread::accept_waiting(Listener& listener, std::size_t count_max, base::Nanos now) {
  for (std::size_t i = 0; i < count_max; ++i) {
    auto socket = listener.acceptor.accept();
    if (!socket) {
      if (socket.error().code == base::Code::kResourceExhausted) {
        service_->could_not_accept(socket.error());
        rest_from_accepting(now);
      }
      return;
    }
    IoThread* const fewest = *std::ranges::min_element(
        accepts_into_, {}, [](const IoThread* thread) { return thread->connections(); });
    // Counted here, so that a burst is spread although no other thread has seen its share yet.
    fewest->connections_.fetch_add(1, std::memory_order_relaxed);
    if (fewest == this) {
      open_connection({std::move(*socket), listener.port}, now);
    } else if (!fewest->hand_over(std::move(*socket), listener.port)) {
      service_->refused();
    }
  }
}

void IoThread::adopt_handed_over(base::Nanos now) {
  handed_over_.drain(adopted_);
  for (Accepted& accepted : adopted_) open_connection(std::move(accepted), now);
  adopted_.clear();
}

base::Result<std::unique_ptr<http::Session>> IoThread::open_session(Port port, bool is_http2) {
  if (port == Port::kRest && !is_http2) {
    return http1::Session::open(options_.http1, http1_workspace_);
  }
  return http2::Session::open(options_.http2, workspace_);
}

// Every connection to the REST port begins with a session for HTTP/1.1.
void IoThread::open_connection(Accepted accepted, base::Nanos now) {
  const std::size_t open = slots_.size() - free_slots_.size();
  auto session = open_session(accepted.port, false);
  if (open >= options_.connections_max || stage_ == Stage::kStopped || !session) {
    connections_.fetch_sub(1, std::memory_order_relaxed);
    service_->refused();
    return;
  }
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const PeerKey key{free_slots_.back(), next_id_++};
  if (!poller_.watch(accepted.socket.get(), key.slot)) {
    connections_.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  free_slots_.pop_back();
  slots_[key.slot] = std::make_unique<Connection>(std::move(accepted.socket), std::move(*session),
                                                  key, accepted.port);
  Connection& connection = *slots_[key.slot];
  connection.timer.owner = &connection;
  connection.lifetime.opened_ns = connection.lifetime.received_ns = now;
  connection.lifetime.header_ns = now;
  connection.lifetime.age_max_ns = jittered_age(lifetime_.age_max_ns, key.id);
  if (connection.port == Port::kGrpc) tell_opened(connection);
  if (stage_ == Stage::kRetiring) connection.session().retire();
  // It came just before the end of accepting, and its first requests may be on their way.
  if (stage_ == Stage::kDraining) begin_notice(connection, now);
  step(connection, now);
}

void IoThread::tell_opened(Connection& connection) {
  if (std::exchange(connection.is_opened, true)) return;
  LifetimeState& state = connection.lifetime;
  state.can_ping = connection.session().can_ping();
  // So far its timer was one of a connection that is pinged.
  if (!state.can_ping)
    wake_by(connection, base::after(state.received_ns, lifetime_.idle_timeout_ns));
  service_->opened(connection.key, connection.port, connection.session());
}

// ---------------------------------------------------------------------------------------------
// Reading and writing

void IoThread::read(Connection& connection, base::Nanos now) {
  std::size_t budget = options_.read_bytes_per_pass;
  for (;;) {
    const Connection::ReadResult got = connection.read(input_);
    if (got.what == Connection::Read::kNothing) return;
    if (got.what == Connection::Read::kBroken) return close(connection, CloseReason::kPeerClosed);
    if (got.what == Connection::Read::kEnd) return end_input(connection);
    bytes_in_ += got.bytes;
    if (connection.lifetime.lingering_ns == base::kNever) {
      connection.lifetime.received_ns = now;
      // A drain that began in this pass is answered as one already: "not ready" says the end.
      if (wanted_stage_.load() != Stage::kServing) connection.session().retire();
      if (!take(connection, std::span(input_).first(got.bytes), now)) return;
    }
    // A short read means that the socket is empty; the poller tells when it is not.
    budget -= std::min(budget, got.bytes);
    if (got.bytes < input_.size() || budget == 0) return;
    if (!connection.session().wants_input()) return;
  }
}

// The peer has closed, or at least its half.
void IoThread::end_input(Connection& connection) {
  if (connection.lifetime.lingering_ns != base::kNever ||
      connection.speech() != Connection::Speech::kSession || !connection.session().end_input()) {
    return close(connection, CloseReason::kPeerClosed);
  }
  connection.is_input_over = true;
  connection.ended_by = CloseReason::kPeerClosed;
  touch(connection.key.slot);  // and write() ends the watch for input
}

// What the peer did goes to the Service; some of it is about the connection itself.
void IoThread::heed(Connection& connection, std::span<const http::Event> events, base::Nanos now) {
  if (events.empty()) return;
  service_->received(connection.key, events, now);
  for (const http::Event& event : events) {
    if (event.kind == http::Event::Kind::kPingAck &&
        connection.lifetime.notice_ns != base::kNever) {
      begin_goaway(connection, now);
    }
    if (event.kind == http::Event::Kind::kGoaway) {
      connection.ended_by = CloseReason::kPeerClosed;
    }
  }
}

// Whether the session may be fed.
bool IoThread::hear(Connection& connection, std::span<const std::byte> input, base::Nanos now) {
  switch (connection.hear(input, options_.about)) {
    case Connection::Speech::kUnknown:
    case Connection::Speech::kPlain: return false;
    case Connection::Speech::kSession: break;
    case Connection::Speech::kHttp2: {
      auto session = open_session(connection.port, true);
      if (!session) {
        fail(connection, CloseReason::kProtocolError, now);
        return false;
      }
      connection.speak_over(std::move(*session));
      if (connection.lifetime.notice_ns != base::kNever) give_notice(connection);
    }
  }
  tell_opened(connection);
  return true;
}

// False: the connection is no more, or only lingers.
bool IoThread::take(Connection& connection, std::span<const std::byte> input, base::Nanos now) {
  touch(connection.key.slot);
  if (connection.speech() == Connection::Speech::kUnknown && !hear(connection, input, now)) {
    return connection.speech() == Connection::Speech::kUnknown;
  }
  if (const std::string before = connection.take_heard(); !before.empty()) {
    if (!take(connection, std::as_bytes(std::span(before)), now)) return false;
  }
  const auto events = connection.session().feed(input, now);
  if (!events) {
    const bool is_flood = events.error().code == base::Code::kResourceExhausted;
    fail(connection, is_flood ? CloseReason::kFlood : CloseReason::kProtocolError, now);
    return false;
  }
  heed(connection, *events, now);
  const base::Nanos header_ns = connection.session().is_greeted()
                                    ? connection.session().header_block_since_ns()
                                    : connection.lifetime.opened_ns;
  if (header_ns != std::exchange(connection.lifetime.header_ns, header_ns) &&
      header_ns != base::kNever) {
    wake_by(connection, base::after(header_ns, lifetime_.header_timeout_ns));
  }
  return true;
}

void IoThread::write(Connection& connection, base::Nanos now) {
  const std::size_t unsent = connection.session().unsent_bytes();
  const Connection::Write wrote = connection.write(scratch_);
  const std::uint64_t written_bytes = connection.take_written_bytes();
  bytes_out_ += written_bytes;
  if (written_bytes > 0) connection.lifetime.sent_ns = now;
  const auto late = connection.session().take_late_events();
  heed(connection, late, now);
  // Requests among them may have been answered by the session itself.
  if (!late.empty() && wrote == Connection::Write::kAll && connection.session().wants_write()) {
    touch(connection.key.slot);
  }
  if (wrote == Connection::Write::kBroken) return close(connection, CloseReason::kPeerClosed);
  const bool waits = wrote == Connection::Write::kPart;
  const std::size_t still_unsent = connection.session().unsent_bytes();
  // Where the socket has room, it is answers that count, and not, say, what pings are answered.
  note_progress(connection, still_unsent < unsent || (waits && written_bytes > 0),
                still_unsent > 0 || waits, now);
  // What only lingers is read to be thrown away.
  const bool reads =
      !connection.is_input_over &&
      (connection.lifetime.lingering_ns != base::kNever || connection.session().wants_input());
  if (waits != connection.is_waiting_to_write || reads != connection.is_reading) {
    connection.is_waiting_to_write = waits;
    connection.is_reading = reads;
    poller_.rewatch(connection.fd(), connection.key.slot, reads, waits);
  }
  if (waits) return;
  if (connection.speech() == Connection::Speech::kPlain) {
    connection.ended_by = CloseReason::kHttp1;
    begin_linger(connection, now);
  } else if (connection.session().is_finished()) {
    begin_linger(connection, now);
  }
}

void IoThread::wake_by(Connection& connection, base::Nanos due_ns) {
  base::Timer& timer = connection.timer;
  if (!timer.is_scheduled() || due_ns < timer.deadline_ns()) timers_.schedule(timer, due_ns);
}

void IoThread::note_progress(Connection& connection, bool has_progressed, bool is_waiting,
                             base::Nanos now) {
  base::Nanos& stalled_ns = connection.lifetime.stalled_ns;
  if (!is_waiting) {
    stalled_ns = base::kNever;
  } else if (stalled_ns == base::kNever) {
    stalled_ns = now;
    wake_by(connection, base::after(now, lifetime_.stall_timeout_ns));
  } else if (has_progressed) {
    stalled_ns = now;  // the timer finds out
  }
}

}  // namespace penstock::net
