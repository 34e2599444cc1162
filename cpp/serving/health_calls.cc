// SPDX-License-Identifier: Apache-2.0
// grpc.health.v1.Health: Check, List, and Watch, which stays open.
#include <algorithm>
#include <string>
#include <utility>

#include "base/text.h"
#include "serving/front.h"

namespace penstock::serving {

HealthView Front::health_view() {
  return {.versions = &context_.versions->look(context_.io_thread),
          .hosted = &context_.bridge->methods(context_.io_thread),
          .is_ready = context_.readiness->is_ready(),
          .is_draining = context_.readiness->is_draining()};
}

void Front::answer_health(Call& call) {
  if (call.method == grpc::Method::kHealthList) {
    return answer_small(call, wire::encode_health_list(health_list(health_view())));
  }
  const auto service = wire::decode_health_request(call.message.text());
  if (!service) return refuse(call, service.error());
  if (call.method == grpc::Method::kHealthWatch) return begin_watch(call, *service);
  const wire::ServingStatus status = health_of(*service, health_view());
  if (status == wire::ServingStatus::kServiceUnknown) {
    return refuse(call, {base::Code::kNotFound,
                         "no health is known of " + base::quote(*service) +
                             "; ask for \"\", a service or a model of this server, or List"});
  }
  answer_small(call, wire::encode_health_answer(status));
}

// A service that is not known may come to be: the watch says so and goes on.
void Front::begin_watch(Call& call, std::string_view service) {
  call.watch = HealthWatch{.service = std::string(service), .index = watching_.size()};
  watching_.push_back(&call);
  call.message = {};                         // `service` was a view of it
  charge(call, call.watch->service.size());  // less than the message: there is room
  call.has_sent_headers = true;
  peer_of(call).session->send_headers(
      call.stream_id, grpc::response_headers(grpc::Encoding::kIdentity, call.request_encoding),
      false);
  tell_watch(call, health_of(call.watch->service, health_view()));
  if (draining_until_ns_ != base::kNever) end_watch(call);
}

void Front::tell_watch(Call& call, wire::ServingStatus status) {
  call.watch->told = status;
  peer_of(call).session->send_data(call.stream_id,
                                   framed_message(wire::encode_health_answer(status)));
  count_unsent(peer_of(call));
  context_.touch(call.connection_slot);
}

void Front::look_at_health() {
  const HealthView view = health_view();
  const HealthStamp stamp{.versions = context_.versions->seen(context_.io_thread),
                          .hosted = context_.bridge->methods_seen(context_.io_thread),
                          .is_ready = view.is_ready,
                          .is_draining = view.is_draining};
  if (stamp == health_stamp_) return;
  health_stamp_ = stamp;
  for (Call* const call : watching_) {
    const wire::ServingStatus status = health_of(call->watch->service, view);
    if (status != call->watch->told) tell_watch(*call, status);
  }
}

void Front::forget_watch(const Call& call) {
  watching_.back()->watch->index = call.watch->index;
  watching_[call.watch->index] = watching_.back();
  watching_.pop_back();
}

void Front::end_watch(Call& call) {
  refuse(call, {base::Code::kUnavailable, "the server drains; watch another one"});
}

}  // namespace penstock::serving
