// SPDX-License-Identifier: Apache-2.0
// ModelInfer: from a complete message to a ticket, and from a reply to an answer.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "grpc/framing.h"
#include "serving/bind.h"
#include "serving/front.h"

namespace penstock::serving {
namespace {

using base::Code;
using base::Nanos;
using batching::Ticket;

constexpr std::size_t kSpareTicketsMax = 1024;
// gRPC's frames carry a 32-bit length; half of that is what protobuf can hold.
constexpr std::size_t kAnswerBytesMax = (std::size_t{1} << 31) - 1;

telemetry::FailureReason reason_for(const batching::Outcome& outcome) {
  return outcome.batch_rows > 0 ? telemetry::FailureReason::kBackend
                                : telemetry::FailureReason::kRejected;
}

}  // namespace

void Front::start_inference(Call& call, Nanos now) {
  const auto accepted = accept(call, now);
  request_.clear();  // it would keep the message until the next one
  if (!accepted) {
    abandon(call);
    refuse(call, accepted.error());
  }
}

// Steps 5 to 7: message -> views -> version -> ticket -> lane. On failure the call is the caller's
// to refuse.
base::Result<> Front::accept(Call& call, Nanos now) {
  if (auto decoded = wire::decode_infer_request(call.message.bytes, request_); !decoded) {
    return decoded;
  }
  const VersionTable& table = context_.versions->look(context_.io_thread);
  const auto version = table.find(request_.model_name, request_.model_version);
  if (!version) return std::unexpected(version.error());
  Version::IoShare& share = (*version)->share(context_.io_thread);
  call.share = &share;
  share.hold();

  std::unique_ptr<Ticket> ticket;
  if (spare_tickets_.empty()) {
    ticket = std::make_unique<Ticket>();
  } else {
    ticket = std::move(spare_tickets_.back());
    spare_tickets_.pop_back();
  }
  const bool may_share = !request_.parameters_pool.empty();
  auto bound = may_share ? take_shared_inputs(call) : base::Result<>();
  if (bound) {
    bound = bind_request(request_, (*version)->signature(), (*version)->name(), *ticket,
                         call.wanted_outputs);
  }
  if (bound && may_share) {
    bound =
        locate_shared_outputs(context_.regions, request_, call.wanted_outputs, call.shared_outputs);
  }
  if (!bound) {
    share.metrics->record_failure(telemetry::FailureReason::kOther);
    return bound;
  }
  ticket->reply = {.io_thread = static_cast<std::uint32_t>(context_.io_thread),
                   .connection_slot = call.connection_slot,
                   .connection_id = peer_of(call).id,
                   .stream_id = call.stream_id};
  ticket->arrived_ns = ticket->enqueued_ns = now;
  ticket->deadline_ns = call.deadline_ns;
  ticket->queue_deadline_ns = base::kNever;
  call.request_id = request_.id;
  call.message = {};  // the ticket's inputs keep the bytes alive
  if ((*version)->lane() == Lane::kInline) {
    if (share.gathered.empty()) {
      gathering_.push_back(&share);
      share.hold();  // beyond its calls, for they may be cancelled in this pass
    }
    share.gathered.push_back(std::move(ticket));
    return {};
  }
  return enqueue(call, std::move(ticket), now);
}

// Inputs in a client's shared memory -> copies, as if they had been sent.
base::Result<> Front::take_shared_inputs(Call& call) {
  base::Result<> read;
  const auto bytes = locate_shared_inputs(context_.regions, request_, shared_inputs_);
  if (!bytes) {
    read = std::unexpected(bytes.error());
  } else if (!shared_inputs_.empty()) {
    const bool has_room =
        *bytes <= context_.options->inflight_bytes_max && charge(call, call.charged_bytes + *bytes);
    read =
        has_room ? read_shared_inputs(shared_inputs_, request_) : std::unexpected(too_many_bytes());
  }
  shared_inputs_.clear();  // nothing but calls holds a region
  return read;
}

base::Result<> Front::enqueue(Call& call, std::unique_ptr<Ticket> ticket, Nanos now) {
  const auto place = call.share->version->batcher().enqueue(std::move(ticket), now);
  if (!place) {
    telemetry::ModelShard& metrics = *call.share->metrics;
    switch (place.error().code) {
      case Code::kUnavailable: metrics.record_refused(); break;
      case Code::kDeadlineExceeded: metrics.record_expired(); break;
      default: metrics.record_failure(telemetry::FailureReason::kOther);
    }
    return std::unexpected(place.error());
  }
  call.place = place->handle;
  const Nanos wake_ns = std::min(place->expires_ns, call.deadline_ns);
  if (wake_ns != base::kNever) timers_.schedule(call.timer, wake_ns);
  return {};
}

// The caller went away.
void Front::cancel(Call& call) {
  if (call.share != nullptr) {
    call.share->metrics->record_failure(telemetry::FailureReason::kCanceled);
  }
  abandon(call);
}

// The call no longer waits for what its version computes. A ticket that still waits in the queue
// leaves it; one that executes is let finish, and its reply dropped.
void Front::abandon(Call& call) {
  if (call.share == nullptr) return;
  if (call.place != batching::Handle{}) call.share->version->batcher().cancel(call.place);
  leave_version(call);
}

void Front::leave_version(Call& call) {
  call.place = {};
  std::exchange(call.share, nullptr)->release();
}

// ---------------------------------------------------------------------------------------------
// The inline lane

void Front::run_inline_lane(Nanos now) {
  for (Version::IoShare* const share : gathering_) {
    drop_expired(share->gathered, now);
    now = base::monotonic_now();
    run_gathered(*share, now);
    finish_replies(base::monotonic_now());
    share->release();
  }
  gathering_.clear();
}

void Front::run_gathered(Version::IoShare& share, Nanos start) {
  std::int64_t rows = 0;
  Nanos now = start;
  std::span<std::unique_ptr<Ticket>> rest = share.gathered;
  while (!rest.empty()) {
    const std::size_t count = batching::cut_front(rest, share.version->inline_rows_max());
    now = share.version->run_inline(share, rest.first(count), replies_, now);
    rest = rest.subspan(count);
  }
  for (std::unique_ptr<Ticket>& ticket : share.gathered) {
    rows += ticket->rows;
    if (spare_tickets_.size() == kSpareTicketsMax) continue;
    ticket->inputs.clear();
    spare_tickets_.push_back(std::move(ticket));
  }
  share.gathered.clear();
  share.judge_pass(rows, now - start);
}

// A deadline that passed while the pass went on, or a caller that went away in it.
void Front::drop_expired(std::vector<std::unique_ptr<Ticket>>& tickets, Nanos now) {
  std::erase_if(tickets, [&](const std::unique_ptr<Ticket>& ticket) {
    Call* const call = find_call(ticket->reply);
    if (call == nullptr) return true;
    if (now < ticket->deadline_ns) return false;
    on_timer(*call, now);
    return true;
  });
}

// ---------------------------------------------------------------------------------------------
// Replies -> answers

void Front::finish_replies(Nanos now) {
  for (batching::Reply& reply : replies_) {
    Call* const call = find_call(reply.address);
    if (call == nullptr || call->share == nullptr) {
      context_.metrics->record_reply_dropped();
      continue;
    }
    finish_inference(*call, reply.outcome, now);
  }
  replies_.clear();  // and with them what nobody refers to any more
}

void Front::finish_inference(Call& call, batching::Outcome& outcome, Nanos now) {
  telemetry::ModelShard& metrics = *call.share->metrics;
  const Version& version = *call.share->version;
  if (!outcome.outputs) {
    if (outcome.outputs.error().code == Code::kDeadlineExceeded) {
      metrics.record_expired();
    } else {
      metrics.record_failure(reason_for(outcome));
    }
    leave_version(call);
    return refuse(call, outcome.outputs.error());
  }
  const std::vector<base::TensorSpec>& specs = version.signature().outputs;
  if (!call.shared_outputs.empty()) {
    const auto written = write_shared_outputs(call.shared_outputs, specs, *outcome.outputs);
    if (!written) {
      metrics.record_failure(telemetry::FailureReason::kOther);
      leave_version(call);
      return refuse(call, written.error());
    }
  }
  metrics.record_success({.request_ns = now - call.arrived_ns,
                          .queue_ns = outcome.queue_ns,
                          .compute_input_ns = outcome.compute_input_ns,
                          .compute_infer_ns = outcome.compute_infer_ns,
                          .compute_output_ns = outcome.compute_output_ns});
  outputs_.clear();
  for (std::uint32_t i = 0; i < specs.size() && call.wanted_outputs.empty(); ++i) {
    outputs_.push_back({specs[i].name, &(*outcome.outputs)[i]});
  }
  for (const std::uint32_t i : call.wanted_outputs) {
    const base::Tensor& tensor = (*outcome.outputs)[i];
    outputs_.push_back({specs[i].name, &tensor, place_of(call.shared_outputs, i, tensor)});
  }
  wire::encode_infer_answer({.model_name = version.name(),
                             .model_version = version.number_text(),
                             .id = call.request_id,
                             .outputs = outputs_},
                            grpc::kFramePrefixBytes, encoded_);
  if (call.place == batching::Handle{}) call.share->runner->recycle(*std::move(outcome.outputs));
  leave_version(call);
  if (encoded_.pieces.empty()) {
    return refuse(call, {Code::kResourceExhausted, "no memory for the answer's message"});
  }
  if (encoded_.size > kAnswerBytesMax) {
    encoded_.pieces.clear();
    return refuse(call, {Code::kResourceExhausted, "the answer is larger than 2 GiB"});
  }
  if (!has_room_for_answer(call, encoded_.size)) {
    encoded_.pieces.clear();
    return refuse(call, too_many_bytes());
  }
  answer(call, encoded_);
}

}  // namespace penstock::serving
