// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/timer_wheel.h"
#include "batching/queue.h"
#include "grpc/encoding.h"
#include "grpc/framing.h"
#include "grpc/method.h"
#include "serving/asleep.h"
#include "serving/forwarded_headers.h"
#include "serving/health.h"
#include "serving/hosted_call.h"
#include "serving/rest_call.h"
#include "serving/routed_call.h"
#include "serving/shared_tensors.h"
#include "serving/version.h"
#include "serving/watched.h"

namespace penstock::serving {

// One call, from its headers to the end of its answer. Owned by a Front, lives on its io thread,
// and is used again for a later one.
struct Call {
  std::int32_t stream_id = 0;
  std::uint32_t connection_slot = 0;
  grpc::Method method = grpc::Method::kNotNative;
  grpc::Encoding request_encoding = grpc::Encoding::kIdentity;
  grpc::Encoding answer_encoding = grpc::Encoding::kIdentity;

  std::optional<grpc::MessageReader> reader;
  grpc::Message message;          // complete, until it is decoded; of REST, the body
  std::size_t charged_bytes = 0;  // counted against FrontOptions::inflight_bytes_max

  base::Nanos arrived_ns = 0;
  base::Nanos deadline_ns = base::kNever;
  base::Timer timer;              // at the deadline, or where the queue's patience ends
  bool has_sent_headers = false;  // an answer of several messages has begun

  ForwardedHeaders forwarded;  // until the request is decoded

  bool is_rest = false;
  RestCall rest;  // if it is

  std::unique_ptr<HostedCall> hosted;  // if the control thread answers it
  std::optional<HealthWatch> watch;    // if it is a Health/Watch
  std::optional<Parking> parking;      // while it waits for a version that is asleep
  RoutedCall routed;                   // if the model it names is a route
  WatchedCall watched;                 // if rows of its version are counted

  // Of an inference that was accepted:
  Version::IoShare* share = nullptr;       // null: not (yet) accepted
  batching::Handle place;                  // in the version's queue, on the batch lane
  base::Nanos patience_ns = base::kNever;  // of that queue: when it gives the ticket back
  std::string request_id;
  std::vector<std::uint32_t> wanted_outputs;  // empty: all
  std::vector<std::uint32_t> wanted_classes;  // of each of these, as classes; empty: as values
  std::vector<SharedOutput> shared_outputs;   // those that the client wants in its own memory

  void clear() {
    reader.reset();
    message = {};
    charged_bytes = 0;
    deadline_ns = base::kNever;
    timer.cancel();
    has_sent_headers = false;
    forwarded.clear();
    if (std::exchange(is_rest, false)) rest.clear();
    hosted.reset();
    watch.reset();
    parking.reset();
    routed.clear();
    watched.clear();
    share = nullptr;
    place = {};
    patience_ns = base::kNever;
    request_id.clear();
    wanted_outputs.clear();
    wanted_classes.clear();
    shared_outputs.clear();
  }
};

}  // namespace penstock::serving
