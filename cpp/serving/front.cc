// SPDX-License-Identifier: Apache-2.0
#include "serving/front.h"

#include <algorithm>
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

constexpr Error too_many_unread() {
  return {Code::kResourceExhausted,
          "this connection has more answers to read than its part of what the server may hold; "
          "read them first"};
}

Error too_many_bytes(const FrontOptions& options) {
  return {Code::kResourceExhausted,
          "the server holds as many bytes of requests and unread answers as it may (" +
              std::to_string(options.inflight_bytes_max) + "); try again"};
}

}  // namespace

Front::Front(Context context) : context_(std::move(context)), timers_(base::monotonic_now()) {}
Front::~Front() = default;

void Front::opened(std::uint32_t slot, std::uint64_t id, http2::Session& session) {
  if (slot >= peers_.size()) peers_.resize(slot + std::size_t{1});
  peers_[slot].id = id;
  peers_[slot].session = &session;
}

void Front::closed(std::uint32_t slot) {
  Peer peer = std::exchange(peers_[slot], {});
  unsent_bytes_ -= peer.unsent_bytes;
  peer.calls.for_each([this](Call& call) {
    cancel(call);
    charge(call, 0);
    call.clear();
    spare_.push_back(&call);
    context_.metrics->record_stream_closed();
  });
}

void Front::received(std::uint32_t slot, std::span<const http2::Event> events, Nanos now) {
  Peer& peer = peers_[slot];
  std::size_t data_bytes = 0;
  for (const http2::Event& event : events) {
    switch (event.kind) {
      case http2::Event::Kind::kRequest:
      case http2::Event::Kind::kRequestTooLarge: on_request(peer, slot, event, now); break;
      case http2::Event::Kind::kData:
        data_bytes += event.data.size();
        on_data(peer, event);
        break;
      case http2::Event::Kind::kEnd: on_end(peer, event.stream_id, now); break;
      case http2::Event::Kind::kStreamClosed: on_stream_closed(peer, event.stream_id); break;
      case http2::Event::Kind::kPingAck:
      case http2::Event::Kind::kGoaway: break;  // the connection's owner sees to these
    }
  }
  // A message is bounded by its own limit and what all of them hold by charge(), so the windows
  // open again as fast as bytes are read.
  if (data_bytes > 0) peer.session->reopen_connection(data_bytes);
}

// ---------------------------------------------------------------------------------------------
// Events -> calls

void Front::on_request(Peer& peer, std::uint32_t slot, const http2::Event& event, Nanos now) {
  Call& call = open_call(peer, slot, event.stream_id);
  call.arrived_ns = now;
  if (event.kind == http2::Event::Kind::kRequestTooLarge) {
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
  if (call.method == grpc::Method::kNotNative) {
    return refuse(call, grpc::unknown_method(head->path));
  }
  if (!reads_its_answers(peer)) return refuse(call, too_many_unread());
  call.request_encoding = head->encoding;
  call.answer_encoding =
      grpc::answer_encoding(context_.options->answer_compression, head->encoding, head->accepted);
  call.reader.emplace(grpc::MessageLimits{.message_bytes_max = context_.options->message_bytes_max,
                                          .encoding = head->encoding});
  if (head->timeout_ns != base::kNever) {
    call.deadline_ns = base::after(now, head->timeout_ns);
    if (head->timeout_ns == 0) return refuse(call, deadline_exceeded());
    timers_.schedule(call.timer, call.deadline_ns);
  }
}

void Front::on_data(Peer& peer, const http2::Event& event) {
  Call* const call = peer.calls.find(event.stream_id);
  if (call == nullptr) return;  // answered already; the stream is about to be reset
  std::span<const std::byte> data = event.data;
  while (!data.empty()) {
    const base::Result<bool> is_complete = call->reader->read(data, call->message);
    if (!is_complete) return refuse(*call, is_complete.error());
    const std::size_t held =
        *is_complete ? call->message.bytes.bytes.size() : call->reader->held_bytes();
    if (!charge(*call, held)) return refuse(*call, too_many_bytes(*context_.options));
    if (!*is_complete) peer.session->reopen_stream(event.stream_id, event.data.size());
  }
}

void Front::on_end(Peer& peer, std::int32_t stream_id, Nanos now) {
  Call* const call = peer.calls.find(stream_id);
  if (call == nullptr) return;
  if (const auto whole = call->reader->finish(); !whole) return refuse(*call, whole.error());
  call->arrived_ns = now;
  if (call->message.is_compressed) {
    auto plain = grpc::decompress(call->request_encoding, call->message.bytes.bytes,
                                  context_.options->message_bytes_max);
    if (!plain) return refuse(*call, plain.error());
    call->message.bytes = std::move(*plain);
    if (!charge(*call, call->message.bytes.bytes.size())) {
      return refuse(*call, too_many_bytes(*context_.options));
    }
  }
  if (call->method == grpc::Method::kModelInfer) {
    start_inference(*call, now);
  } else {
    answer_control(*call);
  }
}

void Front::on_stream_closed(Peer& peer, std::int32_t stream_id) {
  Call* const call = peer.calls.find(stream_id);
  if (call == nullptr) return;
  cancel(*call);
  free_call(*call);
}

// Counts `bytes` as what the call holds; false if the thread then holds more than it may.
bool Front::charge(Call& call, std::size_t bytes) {
  inflight_bytes_ += bytes - call.charged_bytes;
  call.charged_bytes = bytes;
  const std::size_t most = context_.options->inflight_bytes_max;
  if (bytes == 0 || inflight_bytes_ + unsent_bytes_ <= most) return true;
  // What was unsent may have gone since.
  for (Peer& peer : peers_) count_unsent(peer);
  return inflight_bytes_ + unsent_bytes_ <= most;
}

// One peer that does not read must not use up what all share: once half of that is held, whoever
// holds a quarter has to read first.
bool Front::reads_its_answers(Peer& peer) {
  const std::size_t most = context_.options->inflight_bytes_max;
  if (inflight_bytes_ + unsent_bytes_ <= most / 2 || peer.unsent_bytes <= most / 4) return true;
  count_unsent(peer);  // it may have read since
  return peer.unsent_bytes <= most / 4;
}

// Answers that a peer does not read are held as well.
void Front::count_unsent(Peer& peer) {
  const std::size_t unsent = peer.session == nullptr ? 0 : peer.session->unsent_bytes();
  unsent_bytes_ += unsent - peer.unsent_bytes;
  peer.unsent_bytes = unsent;
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

void Front::free_call(Call& call) {
  peer_of(call).calls.remove(call.stream_id);
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

void Front::finish_pass(Nanos now) {
  context_.versions->look(context_.io_thread);
  context_.mailbox->drain(replies_);
  if (!replies_.empty()) finish_replies(now);
  timers_.advance(now,
                  [&](base::Timer& timer) { on_timer(*static_cast<Call*>(timer.owner), now); });
  if (!gathering_.empty()) run_inline_lane(now);
}

void Front::on_timer(Call& call, Nanos now) {
  if (now >= call.deadline_ns) {
    if (call.share != nullptr) call.share->metrics->record_expired();
    abandon(call);
    return refuse(call, deadline_exceeded());
  }
  // The queue's patience is over; if the ticket has left the queue, only the deadline counts.
  if (call.share != nullptr) {
    batching::Batcher& batcher = call.share->version->batcher();
    if (const auto ticket = batcher.cancel(call.place)) {
      const auto why = batching::expiry(*ticket, batcher.queue().settings(), now);
      call.share->metrics->record_failure(telemetry::FailureReason::kRejected);
      abandon(call);
      return refuse(call, why.value_or(deadline_exceeded()));
    }
  }
  timers_.schedule(call.timer, call.deadline_ns);
}

}  // namespace penstock::serving
