// SPDX-License-Identifier: Apache-2.0
#include "serving/front.h"

#include <algorithm>
#include <random>
#include <utility>

#include "base/check.h"
#include "grpc/compression.h"
#include "grpc/request_head.h"

namespace penstock::serving {
namespace {

using base::Code;
using base::Error;
using base::Nanos;

constexpr Error deadline_exceeded() {
  return {Code::kDeadlineExceeded, "the deadline passed before the answer was ready"};
}

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

Error caller_went_away() { return {Code::kCancelled, "the caller went away"}; }

std::optional<base::NamePattern> copy_of(const std::shared_ptr<const base::NamePattern>& one) {
  return one == nullptr ? std::nullopt : std::optional(one->copy());
}

}  // namespace

Front::Front(Context context)
    : context_(std::move(context)),
      grpc_forwarding_(copy_of(context_.options->grpc_forwarding)),
      rest_forwarding_(copy_of(context_.options->rest_forwarding)),
      timers_(base::monotonic_now()),
      fresh_key_{.seed = random_seed()} {}
Front::~Front() = default;

void Front::opened(std::uint32_t slot, std::uint64_t id, Protocol protocol,
                   http::Session& session) {
  if (slot >= peers_.size()) peers_.resize(slot + std::size_t{1});
  peers_[slot].id = id;
  peers_[slot].protocol = protocol;
  peers_[slot].session = &session;
}

void Front::closed(std::uint32_t slot) {
  Peer peer = std::exchange(peers_[slot], {});
  unsent_bytes_ -= peer.unsent_bytes;
  const Nanos now = base::monotonic_now();
  peer.calls.for_each([this, now](Call& call) {
    cancel(call, now);
    let_go(call, caller_went_away());
  });
  peers_[slot].charged_bytes = 0;  // what was charged is of a connection that is gone
}

void Front::received(std::uint32_t slot, std::span<const http::Event> events, Nanos now) {
  Peer& peer = peers_[slot];
  std::size_t data_bytes = 0;
  for (const http::Event& event : events) {
    switch (event.kind) {
      case http::Event::Kind::kRequest:
      case http::Event::Kind::kRequestTooLarge: on_request(peer, slot, event, now); break;
      case http::Event::Kind::kData:
        data_bytes += event.data.size();
        on_data(peer, event);
        break;
      case http::Event::Kind::kEnd: on_end(peer, event.stream_id, now); break;
      case http::Event::Kind::kStreamClosed: on_stream_closed(peer, event.stream_id, now); break;
      case http::Event::Kind::kBodyFramed: on_body_framed(peer, event.stream_id); break;
      case http::Event::Kind::kPingAck:
      case http::Event::Kind::kGoaway: break;  // the connection's owner sees to these
    }
  }
  // A message is bounded by its own limit and what all of them hold by charge(), so the windows
  // open again as fast as bytes are read.
  if (data_bytes > 0) peer.session->reopen_connection(data_bytes);
}

// ---------------------------------------------------------------------------------------------
// Events -> calls

void Front::on_request(Peer& peer, std::uint32_t slot, const http::Event& event, Nanos now) {
  if (peer.protocol == Protocol::kRest) return on_rest_request(peer, slot, event, now);
  Call& call = open_call(peer, slot, event.stream_id);
  call.arrived_ns = now;
  if (event.kind == http::Event::Kind::kRequestTooLarge) {
    return refuse(call, {Code::kResourceExhausted, "the request's headers are too large"});
  }
  const auto head = grpc::parse_request_head(event.fields);
  if (!head && answer_plain(call, event)) return;
  if (!head) {
    context_.metrics->record_answer(head.error().error.code);
    const grpc::FieldList fields = grpc::rejection_headers(head.error());
    peer.session->send_headers(event.stream_id, fields.fields(), true);
    context_.touch(slot);
    return free_call(call);
  }
  call.method = grpc::method_of(head->path);
  const bool is_native = call.method != grpc::Method::kNotNative;
  if (!is_native) {
    const HostedMethods& hosted = context_.bridge->methods(context_.io_thread);
    if (!hosted.has(head->path)) {
      return refuse(
          call, grpc::unknown_method(head->path,
                                     hosted.has_service(HostedMethods::service_in(head->path))));
    }
  }
  call.request_encoding = head->encoding;
  call.answer_encoding =
      grpc::answer_encoding(context_.options->answer_compression, head->encoding, head->accepted);
  call.reader.emplace(grpc::MessageLimits{.message_bytes_max = context_.options->message_bytes_max,
                                          .encoding = head->encoding,
                                          .is_unary = is_native});
  if (head->timeout_ns != base::kNever) {
    call.deadline_ns = base::after(now, head->timeout_ns);
    if (head->timeout_ns == 0) return refuse(call, deadline_exceeded());
    timers_.schedule(call.timer, call.deadline_ns);
  }
  if (!is_native) return begin_hosted(call, *head);
  if (call.method == grpc::Method::kModelInfer) {
    keep_headers(call, event.fields);
  }
  if (grpc_forwarding_ && call.method == grpc::Method::kModelInfer) {
    const auto kept = forward_metadata(event.fields, *grpc_forwarding_, call.forwarded);
    if (!kept) return refuse(call, kept.error());
    if (!charge_body(call, 0)) return refuse(call, too_many_bytes());
  }
}

void Front::on_data(Peer& peer, const http::Event& event) {
  Call* const call = peer.calls.find(event.stream_id);
  if (call == nullptr) return;  // answered already; the stream is about to be reset
  if (call->is_rest) return on_rest_data(*call, event.data);
  if (call->hosted != nullptr) return on_hosted_data(*call, event.data);
  std::span<const std::byte> data = event.data;
  while (!data.empty()) {
    const base::Result<bool> is_complete = call->reader->read(data, call->message);
    if (!is_complete) return refuse(*call, is_complete.error());
    const std::size_t held =
        *is_complete ? call->message.bytes.bytes.size() : call->reader->held_bytes();
    if (!charge_body(*call, held)) return refuse(*call, too_many_bytes());
    if (!*is_complete) peer.session->reopen_stream(event.stream_id, event.data.size());
  }
}

void Front::on_end(Peer& peer, std::int32_t stream_id, Nanos now) {
  Call* const call = peer.calls.find(stream_id);
  if (call == nullptr) return;
  if (call->is_rest) return on_rest_end(*call, now);
  if (call->hosted != nullptr) return on_hosted_end(*call);
  if (const auto whole = call->reader->finish(); !whole) return refuse(*call, whole.error());
  call->arrived_ns = now;
  if (call->message.is_compressed) {
    auto plain = grpc::decompress(call->request_encoding, call->message.bytes.bytes,
                                  context_.options->message_bytes_max);
    if (!plain) return refuse(*call, plain.error());
    call->message.bytes = std::move(*plain);
    if (!charge_body(*call, call->message.bytes.bytes.size())) {
      return refuse(*call, too_many_bytes());
    }
  }
  dispatch(*call, now);
}

void Front::on_stream_closed(Peer& peer, std::int32_t stream_id, Nanos now) {
  Call* const call = peer.calls.find(stream_id);
  if (call == nullptr) return;
  cancel(*call, now);
  free_call(*call, caller_went_away());
}

// Counts `bytes` as what the call holds; false if that is more than before, and its connection or
// the thread then holds more than it may.
bool Front::charge(Call& call, std::size_t bytes) {
  Peer& peer = peer_of(call);
  const bool is_more = bytes > call.charged_bytes;
  inflight_bytes_ += bytes - call.charged_bytes;
  peer.charged_bytes += bytes - call.charged_bytes;
  call.charged_bytes = bytes;
  if (!is_more || has_room(peer)) return true;
  count_all_unsent();
  return has_room(peer);
}

// A connection may hold as much as it leaves to all others: one that stalls or floods takes half of
// what there is at most, so there is always some for the next.
bool Front::has_room(const Peer& peer, std::size_t more) const {
  const std::size_t most = context_.options->inflight_bytes_max;
  const std::size_t held = inflight_bytes_ + unsent_bytes_ + more;
  return held <= most && peer.charged_bytes + peer.unsent_bytes + more <= most - held;
}

// A small request may have a large answer, and many of them be asked before the first is there. An
// answer takes the place of its request, and one alone is always sent.
bool Front::has_room_for_answer(const Call& call, std::size_t bytes) {
  const Peer& peer = peer_of(call);
  const std::size_t more = bytes - std::min(bytes, call.charged_bytes);
  if (more == 0 || has_room(peer, more)) return true;
  count_all_unsent();
  return peer.unsent_bytes == 0 || has_room(peer, more);
}

Error Front::too_many_bytes() const {
  return {Code::kResourceExhausted,
          "this connection's requests and unread answers hold as many bytes as are left of those "
          "that an io thread may (" +
              std::to_string(context_.options->inflight_bytes_max) + "); try again"};
}

// Answers that a peer does not read are held as well.
void Front::count_unsent(Peer& peer) {
  const std::size_t unsent = peer.session == nullptr ? 0 : peer.session->unsent_bytes();
  unsent_bytes_ += unsent - peer.unsent_bytes;
  peer.unsent_bytes = unsent;
}

// What was unsent may have gone since it was counted, but not within a pass, which writes at its
// end: so a flood of refusals does not go through all connections each time.
void Front::count_all_unsent() {
  if (std::exchange(has_counted_unsent_, true)) return;
  for (Peer& peer : peers_) count_unsent(peer);
}

Call& Front::open_call(Peer& peer, std::uint32_t slot, std::int32_t stream_id) {
  if (spare_.empty()) {
    spare_.push_back(calls_.emplace_back(std::make_unique<Call>()).get());
    spare_.back()->timer.owner = spare_.back();
  }
  Call& call = *spare_.back();
  spare_.pop_back();
  call.stream_id = stream_id;
  call.connection_slot = slot;
  peer.calls.insert(stream_id, &call);
  context_.metrics->record_stream_opened();
  return call;
}

void Front::free_call(Call& call, const Error& end) {
  peer_of(call).calls.remove(call.stream_id);
  let_go(call, end);
}

// The call is over, and its place free for another one.
void Front::let_go(Call& call, const Error& end) {
  if (call.hosted != nullptr) end_hosted(call, end);
  if (call.watch) forget_watch(call);
  if (call.parking) unpark(call);
  charge(call, 0);
  call.clear();
  spare_.push_back(&call);
  context_.metrics->record_stream_closed();
}

Call* Front::find_call(const batching::ReplyAddress& address) {
  if (address.connection_slot >= peers_.size()) return nullptr;
  Peer& peer = peers_[address.connection_slot];
  if (peer.session == nullptr || peer.id != address.connection_id) return nullptr;
  return peer.calls.find(address.stream_id);
}

// ---------------------------------------------------------------------------------------------
// Time

void Front::end_connections(Nanos now) {
  draining_until_ns_ = base::after(now, context_.options->hosted_drain_ns);
  for (const auto& [id, call] : hosted_) limit_hosted(*call);
  while (!watching_.empty()) end_watch(*watching_.back());
}

void Front::finish_pass(Nanos now) {
  context_.versions->look(context_.io_thread);
  context_.routes->look(context_.io_thread);
  context_.mailbox->drain(replies_);
  if (!replies_.empty()) finish_replies(now);
  if (next_hosted_ != 0) finish_commands();  // else there never was a call to answer
  if (!watching_.empty()) look_at_health();
  if (!parked_.empty()) look_at_parked(now);
  timers_.advance(now,
                  [&](base::Timer& timer) { on_timer(*static_cast<Call*>(timer.owner), now); });
  if (!gathering_.empty()) run_inline_lane(now);
  has_counted_unsent_ = false;
}

void Front::on_timer(Call& call, Nanos now) {
  if (now >= call.deadline_ns) {
    if (call.share != nullptr) call.share->metrics->record_expired(now - call.arrived_ns);
    observe_timeout(call, now);
    abandon(call);
    return refuse(call, deadline_exceeded());
  }
  if (call.hosted != nullptr) return on_hosted_timer(call, now);
  if (now >= call.routed.slow_at_ns) observe_slow(call, now);
  // The queue's patience is over; if the ticket has left the queue, only the deadline counts.
  if (call.share != nullptr && now >= call.patience_ns) {
    call.patience_ns = base::kNever;
    batching::Batcher& batcher = call.share->version->batcher();
    if (const auto ticket = batcher.cancel(call.place)) {
      const auto why = batching::expiry(*ticket, batcher.queue().settings(), now);
      call.share->metrics->record_failure(telemetry::FailureReason::kRejected,
                                          now - call.arrived_ns);
      observe_timeout(call, now);
      abandon(call);
      return refuse(call, why.value_or(deadline_exceeded()));
    }
  }
  set_timer(call);
}

// At the first of what may happen to a call that waits.
void Front::set_timer(Call& call) {
  timers_.schedule(call.timer,
                   std::min({call.deadline_ns, call.patience_ns, call.routed.slow_at_ns}));
}

}  // namespace penstock::serving
