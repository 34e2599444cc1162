// SPDX-License-Identifier: Apache-2.0
// ModelInfer: from a complete message to a ticket, and from a reply to an answer.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "grpc/framing.h"
#include "serving/bind.h"
#include "serving/front.h"
#include "serving/request_facts.h"
#include "serving/request_parameters.h"
#include "wire/classification.h"

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

// An executor that answers each request by itself may leave out what was not asked for, and only
// that.
base::Result<> check_asked(const std::vector<base::TensorSpec>& specs,
                           const std::vector<std::uint32_t>& wanted, std::string_view model,
                           const std::vector<base::Tensor>& outputs) {
  for (std::uint32_t i = 0; i < specs.size(); ++i) {
    const bool is_asked = wanted.empty() || std::ranges::find(wanted, i) != wanted.end();
    if (outputs[i].is_present || !is_asked) continue;
    return base::fail(Code::kInternal, "model " + base::quote(model) + " gave no output " +
                                           base::quote(specs[i].name) + ", which was asked for");
  }
  return {};
}

// The model's outputs, all that were asked for, in the shapes that answers have.
base::Result<> shape_as_answered(const Call& call, const Version& version,
                                 std::vector<base::Tensor>& outputs) {
  auto done =
      check_asked(version.signature().outputs, call.wanted_outputs, version.name(), outputs);
  if (!done || !version.reshaping()) return done;
  return model::reshape_outputs(*version.reshaping(), version.signature().batch_rows_max > 0,
                                outputs);
}

// As classes where the call wants those.
base::Result<> show_as_asked(const Call& call, const Version& version,
                             std::vector<base::Tensor>& outputs) {
  const bool batches = version.signature().batch_rows_max > 0;
  for (std::size_t i = 0; i < call.wanted_classes.size(); ++i) {
    if (call.wanted_classes[i] == 0) continue;
    const std::uint32_t at = call.wanted_outputs[i];
    auto classes =
        wire::classify(outputs[at], batches, call.wanted_classes[i], version.labels_of(at));
    if (!classes) return std::unexpected(classes.error());
    outputs[at] = *std::move(classes);
  }
  return {};
}

// What the request says beside its tensors, for a version that wants to know.
base::Result<> bind_facts(const Version& version, const wire::InferRequest& request,
                          const ForwardedHeaders& forwarded, Ticket& ticket) {
  ticket.facts.clear();
  if (!version.sees_requests()) return {};
  auto facts = request_facts(request, forwarded.headers);
  if (!facts) return std::unexpected(std::move(facts).error());
  ticket.facts = std::move(*facts);
  return {};
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

base::Result<> Front::decode(Call& call) {
  return call.is_rest ? decode_rest(call)
                      : wire::decode_infer_request(call.message.bytes, request_);
}

// Steps 5 to 7: message -> views -> version -> ticket -> lane. On failure the call is the caller's
// to refuse.
base::Result<> Front::accept(Call& call, Nanos now) {
  if (auto decoded = decode(call); !decoded || call.parking) return decoded;
  const VersionTable& table = context_.versions->look(context_.io_thread);
  Target target{request_.model_name, request_.model_version};
  if (auto routed = route(call, table, target); !routed) return routed;
  const auto version = table.find(target.model, target.version);
  if (!version) return park_or(call, table, target.model, target.version, version.error());
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
  if (bound && call.routed.model != nullptr) keep_inputs(call, *ticket);
  if (bound && may_share) {
    bound =
        locate_shared_outputs(context_.regions, request_, call.wanted_outputs, call.shared_outputs);
  }
  if (bound) bound = bind_wishes(call, **version, *ticket, now);
  if (bound) bound = bind_facts(**version, request_, call.forwarded, *ticket);
  if (!bound) {
    share.metrics->record_failure(telemetry::FailureReason::kOther,
                                  base::monotonic_now() - call.arrived_ns);
    return bound;
  }
  ticket->reply = {.io_thread = static_cast<std::uint32_t>(context_.io_thread),
                   .connection_slot = call.connection_slot,
                   .connection_id = peer_of(call).id,
                   .stream_id = call.stream_id};
  ticket->arrived_ns = ticket->enqueued_ns = now;
  ticket->deadline_ns = call.deadline_ns;
  call.request_id = request_.id;
  if (call.is_rest) place_outputs(call, (*version)->signature());
  call.forwarded.clear();
  call.message = {};  // the ticket's inputs keep the bytes alive
  if (call.routed.model != nullptr) begin_routed(call, *ticket);
  if (const drift::Tap* const tap = (*version)->tap(); tap != nullptr) {
    keep_watched(call, *tap, *ticket);
  }
  return send(call, std::move(ticket), now);
}

// Into the lane of the version that the call holds.
base::Result<> Front::send(Call& call, std::unique_ptr<Ticket> ticket, Nanos now) {
  Version::IoShare& share = *call.share;
  if (share.version->lane() == Lane::kBatch) return enqueue(call, std::move(ticket), now);
  if (share.gathered.empty()) {
    gathering_.push_back(&share);
    share.hold();  // beyond its calls, for they may be cancelled in this pass
  }
  share.gathered.push_back(std::move(ticket));
  return {};
}

// What the request asks for beyond its tensors.
base::Result<> Front::bind_wishes(Call& call, Version& version, Ticket& ticket, Nanos now) {
  const auto wishes = read_wishes(request_);
  if (!wishes) return std::unexpected(wishes.error());
  ticket.queue_deadline_ns = base::kNever;
  if (wishes->timeout_ns > 0 && version.batcher().queue().settings().allows_timeout) {
    ticket.queue_deadline_ns = base::after(now, wishes->timeout_ns);
  }
  if (version.reshaping()) {
    model::reshape_inputs(*version.reshaping(), version.signature().batch_rows_max > 0,
                          ticket.inputs);
  }
  return bind_classes(request_, version.signature(), call.wanted_outputs, call.wanted_classes);
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
    const Nanos age_ns = base::monotonic_now() - call.arrived_ns;
    switch (place.error().code) {
      case Code::kUnavailable: metrics.record_refused(age_ns); break;
      case Code::kDeadlineExceeded: metrics.record_expired(age_ns); break;
      default: metrics.record_failure(telemetry::FailureReason::kOther, age_ns);
    }
    return std::unexpected(place.error());
  }
  call.place = place->handle;
  call.patience_ns = place->expires_ns;
  set_timer(call);
  return {};
}

// The caller went away.
void Front::cancel(Call& call, Nanos now) {
  if (call.share != nullptr) {
    call.share->metrics->record_failure(telemetry::FailureReason::kCanceled,
                                        base::monotonic_now() - call.arrived_ns);
    observe_gone(call, now);
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
  call.patience_ns = base::kNever;
  std::exchange(call.share, nullptr)->release();
}

// ---------------------------------------------------------------------------------------------
// The inline lane

void Front::run_inline_lane(Nanos now) {
  // More may come meanwhile: what a canary failed, for stable.
  for (std::size_t i = 0; i < gathering_.size(); ++i) {
    Version::IoShare& share = *gathering_[i];
    drop_expired(share.gathered, now);
    now = base::monotonic_now();
    run_gathered(share, now);
    finish_replies(base::monotonic_now());
    share.release();
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
  if (outcome.outputs) {
    auto shaped = shape_as_answered(call, version, *outcome.outputs);
    if (!shaped) outcome.outputs = std::unexpected(std::move(shaped).error());
  }
  Version* const stable = call.routed.is_evidence ? observe(call, outcome, now) : nullptr;
  const bool is_mirrored = call.routed.mirrored != 0;
  Version::IoShare& share = *call.share;
  if (is_mirrored) share.hold();  // the call leaves its version before the copies are offered
  if (is_mirrored) make_mirrors(call, outcome);
  WatchedOutcome watched;
  if (call.watched.tap != nullptr) watched = offer_watched(call, version, outcome);
  if (outcome.outputs) {
    auto shown = show_as_asked(call, version, *outcome.outputs);
    if (shown) {
      shown =
          write_shared_outputs(call.shared_outputs, version.signature().outputs, *outcome.outputs);
    }
    if (!shown) outcome.outputs = std::unexpected(std::move(shown).error());
  }
  if (watched.tap != nullptr && outcome.outputs) commit_watched(watched);
  if (!outcome.outputs) {
    if (outcome.outputs.error().code == Code::kDeadlineExceeded) {
      metrics.record_expired(now - call.arrived_ns);
    } else {
      metrics.record_failure(reason_for(outcome), now - call.arrived_ns);
    }
  }
  if (stable != nullptr) {
    retry_on(*stable, call, now);
  } else {
    answer_inference(call, outcome, now);
  }
  if (!is_mirrored) return;
  offer_mirrors(version);
  share.release();
}

// Frees the call.
void Front::answer_inference(Call& call, batching::Outcome& outcome, Nanos now) {
  telemetry::ModelShard& metrics = *call.share->metrics;
  const Version& version = *call.share->version;
  const std::vector<base::TensorSpec>& specs = version.signature().outputs;
  if (!outcome.outputs) {
    leave_version(call);
    return refuse(call, outcome.outputs.error());
  }
  // `now` may be a moment older than the answer, and the parts are never more than the whole.
  const Nanos parts_ns = outcome.queue_ns + outcome.compute_input_ns + outcome.compute_infer_ns +
                         outcome.compute_output_ns;
  metrics.record_success({.rows = static_cast<std::uint64_t>(outcome.rows),
                          .request_ns = std::max(now - call.arrived_ns, parts_ns),
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
  const auto is_encoded = encode_answer(call, version);
  if (call.place == batching::Handle{}) call.share->runner->recycle(*std::move(outcome.outputs));
  leave_version(call);
  if (!is_encoded || !has_room_for_answer(call, encoded_.size)) {
    encoded_.clear();
    return refuse(call, is_encoded ? too_many_bytes() : is_encoded.error());
  }
  if (call.is_rest) return answer_rest_inference(call);
  answer(call, encoded_);
}

// The name that the request used, which of a route need not be its version's.
std::string_view Front::name_in_answer(const Call& call, const Version& version) {
  return call.routed.model == nullptr ? std::string_view(version.name())
                                      : std::string_view(call.routed.model->route.name());
}

std::string_view Front::arm_in_answer(const Call& call) {
  return call.routed.model == nullptr ? std::string_view()
                                      : std::string_view(call.routed.arm().name);
}

// `outputs_` are the answer's.
base::Result<> Front::encode_answer(Call& call, const Version& version) {
  if (call.is_rest) return encode_rest_answer(call, version);
  wire::encode_infer_answer({.model_name = name_in_answer(call, version),
                             .model_version = version.number_text(),
                             .id = call.request_id,
                             .outputs = outputs_,
                             .arm = arm_in_answer(call)},
                            grpc::kFramePrefixBytes, encoded_);
  if (encoded_.pieces.empty()) {
    return base::fail(Code::kResourceExhausted, "no memory for the answer's message");
  }
  if (encoded_.size > kAnswerBytesMax) {
    return base::fail(Code::kResourceExhausted, "the answer is larger than 2 GiB");
  }
  return {};
}

}  // namespace penstock::serving
