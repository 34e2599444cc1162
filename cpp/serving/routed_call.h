// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/tensor.h"
#include "batching/ticket.h"
#include "http/event.h"
#include "routing/picker.h"
#include "serving/forwarded_headers.h"
#include "serving/route_table.h"
#include "wire/infer_request.h"

namespace penstock::serving {

// What a key may be long.
inline constexpr std::size_t kKeyBytesMax = 1024;

// Which version a request is for, once its route has been asked: views of the request, or of the
// route that the call keeps.
struct Target {
  std::string_view model;
  std::string_view version;
};

// What a Call has more if the model it names is a route. A part of the Call, on its io thread;
// keeps its memory for the next one.
struct RoutedCall {
  std::vector<ForwardedHeader> headers;      // those that routes want to see
  std::shared_ptr<const RoutedModel> model;  // null: the name is no route's
  routing::Pick pick;
  bool is_evidence = false;     // until its end was observed: what becomes of it tells of its arm
  bool is_first = false;        // of its key, in the trial
  bool has_sticky_key = false;  // it brought one, which is more than its own id
  bool is_slow_told = false;
  base::Nanos slow_at_ns = base::kNever;  // when it is slow without having been answered
  std::uint32_t mirrored = 0;             // a bit for each of the route's shadows that gets a copy
  // The request in the shapes of its version's signature, to look at when an answer is not as it
  // should be, and for executions elsewhere. They share the request's bytes.
  std::vector<base::Tensor> inputs;
  std::int64_t rows = 1;
  std::string facts;

  const routing::Arm& arm() const { return model->route.arm(pick.arm); }
  void clear() {
    if (!headers.empty()) headers.clear();
    forget();
  }
  // All but the headers, which came with the request.
  void forget() {
    if (model == nullptr) return;
    model.reset();
    is_evidence = is_first = is_slow_told = false;
    slow_at_ns = base::kNever;
    mirrored = 0;
    inputs.clear();
    facts.clear();
  }
};

// Tickets of the control arm form batches of their own: their shape key is another one.
inline constexpr std::uint64_t kControlBatches = 0x9e3779b97f4a7c15;

// Adds to `kept` those of `fields` that `wanted` names. The first of a name counts. Of one longer
// than a key may be, one byte more than that is kept, so that the route that wants it can refuse
// it: until the message is there nobody knows which route that is.
void keep_route_headers(std::span<const http::Field> fields, std::span<const std::string> wanted,
                        std::vector<ForwardedHeader>& kept);

// The key of a request by the route's policy, in `scratch` where it stands nowhere as text; empty:
// the request has none. kInvalidArgument for a header or a parameter that is no key.
base::Result<std::string_view> key_of(const routing::StickyKey& sticky,
                                      const wire::InferRequest& request,
                                      std::span<const ForwardedHeader> headers,
                                      std::string& scratch);

// Which arm the request may have by a signed header; nothing: it has no such header.
base::Result<std::optional<std::uint32_t>> forced_arm(const routing::Route& route,
                                                      std::span<const ForwardedHeader> headers,
                                                      std::int64_t now_s);

// What of an outcome speaks against the version that gave it. kNothing: neither for nor against
// it, as the request was at fault, or was not executed.
enum class Bearing : std::uint8_t { kGood, kBad, kNothing };
struct Judged {
  Bearing bearing = Bearing::kGood;
  judging::BadKind kind = judging::BadKind::kError;
};
Judged judged(const batching::Outcome& outcome, std::span<const base::Tensor> inputs);

}  // namespace penstock::serving
