// SPDX-License-Identifier: Apache-2.0
// Calls for versions that are asleep: parked, and on their way again.
#include "serving/asleep.h"

#include <utility>

#include "serving/front.h"

namespace penstock::serving {
namespace {

using base::Code;
using base::Nanos;

}  // namespace

base::Result<std::unique_ptr<Wakes>> Wakes::open(std::size_t io_threads) {
  auto waiting = base::EventFd::open();
  if (!waiting) return std::unexpected(waiting.error());
  return std::unique_ptr<Wakes>(new Wakes(io_threads, std::move(*waiting)));
}

Wakes::Wakes(std::size_t io_threads, base::EventFd waiting)
    : waiting_(std::move(waiting)), wakes_(io_threads * kParkedCallsMax) {}

bool Wakes::push(Wake&& wake) {
  const auto pushed = wakes_.push(std::move(wake));
  if (pushed.needs_wake) waiting_.notify();
  return pushed.taken > 0;
}

std::vector<Wake> Wakes::take() {
  waiting_.clear();  // first: what is pushed from now on makes it readable again
  std::vector<Wake> wakes;
  wakes_.drain(wakes);
  return wakes;
}

// The call, whose message is whole, asked for a version that `table` has no loaded one of. If that
// is asleep it is parked, and all is well; else it is `otherwise`.
base::Result<> Front::park_or(Call& call, const VersionTable& table, std::string_view model,
                              std::string_view version, base::Error otherwise) {
  const VersionEntry* const entry = table.asleep(model, version);
  if (entry == nullptr) return std::unexpected(std::move(otherwise));
  if (parked_.size() >= kParkedCallsMax ||
      !context_.wakes->push({.model = std::string(model), .version = entry->number})) {
    return base::fail(Code::kResourceExhausted,
                      "too many requests wait for models to be loaded; try again");
  }
  call.parking = Parking{.model = std::string(model),
                         .version = entry->number,
                         .refusals = entry->refusals,
                         .index = parked_.size()};
  parked_.push_back(&call);
  return {};
}

void Front::unpark(Call& call) {
  const std::size_t index = call.parking->index;
  parked_.back()->parking->index = index;
  parked_[index] = parked_.back();
  parked_.pop_back();
  call.parking.reset();
}

// Once for every table: what has become of the versions that calls wait for.
void Front::look_at_parked(Nanos now) {
  const std::uint64_t seen = context_.versions->seen(context_.io_thread);
  if (std::exchange(parked_seen_, seen) == seen) return;
  // From the last to the first: one that is unparked lets the last, which was looked at, take its
  // place, and one that is parked anew stands behind all of these.
  for (std::size_t i = parked_.size(); i-- > 0;) {
    Call& call = *parked_[i];
    // Anew for each, for dispatch() looks as well.
    const VersionEntry* const entry = context_.versions->look(context_.io_thread)
                                          .entry(call.parking->model, call.parking->version);
    const bool is_asleep = entry != nullptr && entry->is_asleep;
    if (is_asleep && entry->refusals <= call.parking->refusals) continue;
    unpark(call);
    if (is_asleep) {
      refuse(call, {Code::kUnavailable, entry->failure});
    } else {
      dispatch(call, now);
    }
  }
}

// A call whose message is whole goes its way, for the first time or again.
void Front::dispatch(Call& call, Nanos now) {
  if (call.is_rest) return dispatch_rest(call, now);
  if (call.method == grpc::Method::kModelInfer) return start_inference(call, now);
  answer_control(call);
}

}  // namespace penstock::serving
