// SPDX-License-Identifier: Apache-2.0
#pragma once

// A Front with everything it is wired to, its peers in memory, and models that do what a test says.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/monitor.h"
#include "drift/aggregator.h"
#include "grpc/framing.h"
#include "h2_pair.h"
#include "http1/session.h"
#include "http1/workspace.h"
#include "model/executor.h"
#include "serving/bridge.h"
#include "serving/front.h"
#include "serving/server_state.h"
#include "serving/version.h"
#include "serving/version_table.h"
#include "telemetry/server_metrics.h"
#include "wire_messages.h"

namespace penstock::testing {

inline constexpr std::string_view kInferPath = "/inference.GRPCInferenceService/ModelInfer";

// --- models --------------------------------------------------------------------------------

// Holds the batches of a model until the test lets them go.
class Strings {
 public:
  void pass() {
    auto state = state_.lock();
    ++state->begun;
    state_.notify_all();
    while (state->allowed == 0) state.wait();
    if (state->allowed > 0) --state->allowed;
  }
  void wait_until_begun(int batches) {
    auto state = state_.lock();
    while (state->begun < batches) state.wait();
  }
  int begun() { return state_.lock()->begun; }
  void let_go(int batches = 1) {
    state_.lock()->allowed += batches;
    state_.notify_all();
  }
  void let_all_go() { let_go(1'000'000); }

 private:
  struct State {
    int begun = 0;
    int allowed = 0;
  };
  base::Monitor<State> state_;
};

using Behaviour =
    std::function<base::Result<>(const model::ExecutorBatch&, std::vector<base::Tensor>&)>;

inline base::Result<> echo_batch(const model::ExecutorBatch& batch,
                                 std::vector<base::Tensor>& outputs) {
  outputs.assign(batch.inputs.begin(), batch.inputs.end());
  return {};
}

class ScriptedExecutor : public model::Executor {
 public:
  // `is_native` false: like a Python model, for instance threads only.
  // `sees_requests`: it wants what requests say beside their tensors.
  ScriptedExecutor(base::Signature signature, Behaviour behaviour, bool is_native = true,
                   bool sees_requests = false)
      : signature_(std::move(signature)),
        behaviour_(std::move(behaviour)),
        is_native_(is_native),
        sees_requests_(sees_requests) {}

  const base::Signature& signature() const override { return signature_; }
  model::ExecutorTraits traits() const override {
    return {.is_native = is_native_,
            .is_thread_safe = true,
            .takes_unaligned = true,
            .gains_from_batching = true,
            .sees_requests = sees_requests_};
  }
  base::Result<> run(const model::ExecutorBatch& batch,
                     std::vector<base::Tensor>& outputs) override {
    return behaviour_(batch, outputs);
  }

 private:
  const base::Signature signature_;
  const Behaviour behaviour_;
  const bool is_native_;
  const bool sees_requests_;
};

// FP32 "x" [rows, any] -> "y" of the same shape.
inline base::Signature x_to_y(std::int64_t rows_max = 8) {
  return {.inputs = {{.name = "x", .dtype = base::DType::kFp32, .dims = {-1}}},
          .outputs = {{.name = "y", .dtype = base::DType::kFp32, .dims = {-1}}},
          .batch_rows_max = rows_max};
}

// --- messages ------------------------------------------------------------------------------

inline std::string grpc_framed(std::string_view message, bool is_compressed = false) {
  const auto prefix = grpc::frame_prefix(is_compressed, message.size());
  std::string bytes(reinterpret_cast<const char*>(prefix.data()), prefix.size());
  return bytes.append(message);
}

// A ModelInferRequest for "x" with one row of these values.
inline std::string infer_x(std::string_view model, std::initializer_list<float> values,
                           std::string_view more = {}) {
  return sized_field(1, model) + std::string(more) +
         raw_input("x", "FP32", {1, static_cast<std::int64_t>(values.size())}) +
         raw_entry(bytes_of_values(values));
}

// The sized and varint fields of a protobuf message, by number, in order; varints as decimals.
inline std::vector<std::pair<std::uint32_t, std::string>> proto_fields(std::string_view message) {
  std::vector<std::pair<std::uint32_t, std::string>> fields;
  std::size_t at = 0;
  const auto next_varint = [&] {
    std::uint64_t value = 0;
    for (unsigned shift = 0; at < message.size(); shift += 7) {
      const auto byte = static_cast<unsigned char>(message[at++]);
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (at < message.size()) {
    const std::uint64_t key = next_varint();
    const std::uint64_t value = next_varint();
    const auto number = static_cast<std::uint32_t>(key >> 3);
    if ((key & 7) == 0) {
      fields.emplace_back(number, std::to_string(value));
    } else {
      PENSTOCK_CHECK((key & 7) == 2);
      fields.emplace_back(number, std::string(message.substr(at, value)));
      at += value;
    }
  }
  return fields;
}

// The values of the fields with that number.
inline std::vector<std::string> proto_values(std::string_view message, std::uint32_t number) {
  std::vector<std::string> values;
  for (auto& [key, value] : proto_fields(message)) {
    if (key == number) values.push_back(std::move(value));
  }
  return values;
}

// --- the rig -------------------------------------------------------------------------------

class FrontRig {
 public:
  static constexpr std::size_t kHostedCallsMax = 8;

  struct Link {
    H2Client client;
    std::unique_ptr<http::Session> session;
    std::uint32_t slot = 0;
    bool is_touched = false;
    bool is_open = true;
    bool reads = true;  // false: what the front answers stays in the session
    // Of a connection that speaks HTTP/1.1, in place of `client`.
    bool is_http1 = false;
    std::string said;   // and not yet fed
    std::string heard;  // all that was answered

    explicit Link(const H2Client::Options& client_options) : client(client_options) {}
    std::int32_t infer(std::string_view message, const Fields& more = {}) {
      return client.request(grpc_request(kInferPath, more), grpc_framed(message));
    }
    std::int32_t call(std::string_view path, std::string_view message = {}) {
      return client.request(grpc_request(path), grpc_framed(message));
    }
    const H2Client::Answer& answer(std::int32_t id) const { return client.answer(id); }
    std::string status(std::int32_t id) const { return answer(id).field("grpc-status"); }
    std::string message(std::int32_t id) const {
      return grpc::percent_decode(answer(id).field("grpc-message"));
    }
    // The answer's message without its frame.
    std::string reply(std::int32_t id) const {
      const std::string& body = answer(id).body;
      return body.size() < grpc::kFramePrefixBytes ? "" : body.substr(grpc::kFramePrefixBytes);
    }
    // The first raw output.
    std::string output(std::int32_t id) const {
      const auto raw = proto_values(reply(id), 6);
      return raw.empty() ? "no output" : raw.front();
    }
  };

  explicit FrontRig(const serving::FrontOptions& front_options = {},
                    memory::RegionTable* regions = nullptr)
      : options(front_options),
        front({.io_thread = 0,
               .options = &options,
               .identity = &identity,
               .readiness = &readiness,
               .versions = &versions,
               .routes = &routes,
               .mailbox = &mailbox_,
               .bridge = bridge.get(),
               .wakes = wakes.get(),
               .regions = regions,
               .drift = drift.get(),
               .metrics = &metrics.shard(0),
               .touch = [this](std::uint32_t slot) { links_[slot]->is_touched = true; },
               .peer_of_slot = [](std::uint32_t slot) { return "test:" + std::to_string(slot); }}) {
    versions.publish(std::make_shared<serving::VersionTable>());
    routes.publish(std::make_shared<serving::RouteTable>());
  }
  ~FrontRig() {
    for (auto& link : links_) disconnect(*link);
    pass();
    versions.publish(std::make_shared<serving::VersionTable>());
    versions.look(0);
  }

  // Makes a version and publishes it.
  std::shared_ptr<serving::Version> serve(serving::Version::Options wanted,
                                          base::Signature signature,
                                          Behaviour behaviour = echo_batch,
                                          bool sees_requests = false) {
    std::vector<std::unique_ptr<model::Executor>> executors;
    executors.push_back(std::make_unique<ScriptedExecutor>(
        std::move(signature), std::move(behaviour), true, sees_requests));
    wanted.queue.model_name = wanted.name;
    wanted.queue.policy.batch_rows_max = executors[0]->signature().batch_rows_max;
    const std::string name = wanted.name;
    const std::int64_t number = wanted.number;
    auto version = std::make_shared<serving::Version>(
        std::move(wanted), std::move(executors), 1,
        [this](std::span<batching::Reply> replies) { deliver(replies); });
    put(name, {.number = number, .version = version, .failure = {}});
    return version;
  }
  // Returns the number of the table that holds `entry`.
  std::uint64_t put(const std::string& name, serving::VersionEntry entry) {
    auto table = std::make_shared<serving::VersionTable>(*versions.latest());
    table->replace(name, std::move(entry));
    return versions.publish(std::move(table));
  }

  Link& connect(const H2Client::Options& client_options = {}, const http2::Limits& limits = {},
                serving::Protocol protocol = serving::Protocol::kGrpc) {
    Link& link = *links_.emplace_back(std::make_unique<Link>(client_options));
    link.session = std::move(*http2::Session::open(limits, workspace_));
    return open(link, protocol);
  }
  // To REST, over HTTP/1.1.
  Link& connect_http1(const http1::Limits& limits = {}) {
    Link& link = *links_.emplace_back(std::make_unique<Link>(H2Client::Options{}));
    link.session = std::move(*http1::Session::open(limits, http1_workspace_));
    link.is_http1 = true;
    return open(link, serving::Protocol::kRest);
  }
  void disconnect(Link& link) {
    if (!std::exchange(link.is_open, false)) return;
    front.closed(link.slot);
  }
  // What the client has to say reaches the front, if its session wants it.
  bool receive(Link& link) {
    if (link.is_http1 && !link.session->wants_input()) return false;
    const std::string bytes =
        link.is_http1 ? std::exchange(link.said, {}) : link.client.take_output();
    if (bytes.empty()) return false;
    input_ = std::make_unique<std::string>(bytes);
    const auto events = link.session->feed(bytes_of_text(*input_), 0);
    PENSTOCK_CHECK(events.has_value());
    front.received(link.slot, *events, now());
    return true;
  }
  // One turn of an io thread's loop. True: something has moved.
  bool pass() {
    bool has_moved = false;
    for (auto& link : links_) has_moved = (link->is_open && receive(*link)) || has_moved;
    front.finish_pass(now());
    for (auto& link : links_) {
      if (!link->is_open || !link->reads) continue;
      http::Output output;
      PENSTOCK_CHECK(link->session->take_output(output).has_value());
      const std::string bytes = written(output);
      if (link->is_http1) {
        link->heard += bytes;
      } else {
        link->client.feed(bytes_of_text(bytes));
      }
      has_moved = has_moved || !bytes.empty();
      link->is_touched = false;
      front.received(link->slot, link->session->take_late_events(), now());
    }
    return has_moved;
  }
  void settle() {
    while (pass()) {
    }
  }
  // Until the answer is there, whichever thread it comes from.
  void await(Link& link, std::int32_t id) {
    for (;;) {
      const std::size_t before = *delivered_.lock();
      settle();
      if (link.answer(id).is_closed()) return;
      auto delivered = delivered_.lock();
      while (*delivered == before) delivered.wait();
    }
  }
  // Until instance threads have delivered so many answers in all.
  void wait_until_delivered(std::size_t replies) {
    auto delivered = delivered_.lock();
    while (*delivered < replies) delivered.wait();
  }

  base::Nanos now() const { return base::monotonic_now() + skew_ns; }
  telemetry::ServerCounts counts() const { return metrics.counts(); }

  serving::FrontOptions options;
  serving::ServerIdentity identity{
      .name = "penstock", .version = "1.2.3", .extensions = {"a", "b"}};
  serving::Readiness readiness;
  serving::PublishedVersions versions{1};
  serving::PublishedRoutes routes{1};
  telemetry::ServerMetrics metrics{1};
  std::unique_ptr<serving::Bridge> bridge =
      *serving::Bridge::open({.io_threads = 1, .calls_max = kHostedCallsMax}, [](std::size_t) {});
  std::unique_ptr<serving::Wakes> wakes = *serving::Wakes::open(1);
  std::shared_ptr<drift::Aggregator> drift = *drift::Aggregator::open(1);
  base::Nanos skew_ns = 0;  // how far the front's time is ahead

 private:
  Link& open(Link& link, serving::Protocol protocol) {
    link.slot = static_cast<std::uint32_t>(links_.size() - 1);
    front.opened(link.slot, next_id_++, protocol, *link.session);
    return link;
  }
  void deliver(std::span<batching::Reply> replies) {
    PENSTOCK_CHECK(mailbox_.push_all(replies).taken == replies.size());
    *delivered_.lock() += replies.size();
    delivered_.notify_all();
  }

  http2::Workspace workspace_;
  http1::Workspace http1_workspace_;
  serving::Mailbox mailbox_{1 << 16};
  base::Monitor<std::size_t> delivered_;
  std::vector<std::unique_ptr<Link>> links_;
  std::unique_ptr<std::string> input_;
  std::uint64_t next_id_ = 100;

 public:
  serving::Front front;
};

}  // namespace penstock::testing
