// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "engine_doubles.h"
#include "harness.h"

namespace penstock::testing {
namespace {

using base::Code;
using engine::Engine;
using engine::LaneWish;

Behaviour held_by(Strings& strings) {
  return [&strings](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
    strings.pass();
    return echo_batch(batch, outputs);
  };
}

}  // namespace

TEST(engine_engine, a_loaded_model_is_served_on_either_lane) {
  const auto engine = open_engine();
  REQUIRE(engine->start().has_value());
  EXPECT_EQ(status_of_inference(engine->grpc_port(), "m"), "5");
  const auto on_io = engine->load(identity_spec("m", LaneWish::kInline));
  REQUIRE(on_io.has_value());
  EXPECT(on_io->lane == serving::Lane::kInline);
  EXPECT(on_io->row_cost_ns.has_value());
  EXPECT_EQ(on_io->signature.inputs.at(0).name, "x");
  const auto on_instance = engine->load(identity_spec("n", LaneWish::kBatch));
  REQUIRE(on_instance.has_value());
  EXPECT(on_instance->lane == serving::Lane::kBatch);
  EXPECT_EQ(status_of_inference(engine->grpc_port(), "m"), "0");
  EXPECT_EQ(status_of_inference(engine->grpc_port(), "n"), "0");
}

TEST(engine_engine, models_may_be_loaded_before_the_start) {
  const auto engine = open_engine();
  REQUIRE(engine->load(identity_spec("m", LaneWish::kInline)).has_value());
  REQUIRE(engine->load(identity_spec("m", LaneWish::kBatch)).has_value());  // in its place
  REQUIRE(engine->unload("m", 1).has_value());
  REQUIRE(engine->load(identity_spec("m", LaneWish::kBatch)).has_value());
  REQUIRE(engine->start().has_value());
  EXPECT_EQ(status_of_inference(engine->grpc_port(), "m"), "0");
}

TEST(engine_engine, what_cannot_be_loaded_says_why_and_changes_nothing) {
  const auto engine = open_engine();
  engine::ModelSpec spec = identity_spec("m", LaneWish::kAuto);
  spec.backend = "tensorflow";
  auto loaded = engine->load(spec);
  REQUIRE(!loaded.has_value());
  EXPECT(loaded.error().code == Code::kInvalidArgument);
  EXPECT_EQ(loaded.error().why,
            "backend \"tensorflow\" is not one of onnxruntime, native, identity, python");
  spec.backend = "onnxruntime";
  loaded = engine->load(spec);
  EXPECT(loaded.error().code == Code::kFailedPrecondition);
  spec.backend = "python";
  EXPECT(!engine->load(spec).has_value());
  engine::Executors executors;
  executors.push_back(std::make_unique<ScriptedExecutor>(x_to_y(), echo_batch, false));
  spec.lane = LaneWish::kInline;
  loaded = engine->load(spec, std::move(executors));
  REQUIRE(!loaded.has_value());
  EXPECT_CONTAINS(loaded.error().why, "cannot run on the inline lane");
  EXPECT(engine->unload("m", 1).error().code == Code::kNotFound);
}

TEST(engine_engine, a_failed_model_is_unavailable_with_its_reason_until_it_loads) {
  const auto engine = open_engine();
  REQUIRE(engine->start().has_value());
  engine->set_failed("m", 1, "no such file");
  H2Socket socket(engine->grpc_port());
  const std::int32_t id = ask(socket, infer_x("m", {1.0F}));
  REQUIRE(socket.wait_for_answer(id));
  EXPECT_EQ(socket.client.answer(id).field("grpc-status"), "14");
  EXPECT_CONTAINS(socket.client.answer(id).field("grpc-message"), "no such file");
  REQUIRE(engine->load(identity_spec("m", LaneWish::kInline)).has_value());
  EXPECT_EQ(status_of_inference(socket, "m"), "0");
  engine->set_failed("m", 1, "");  // of a loaded one: it is retired
  EXPECT_EQ(status_of_inference(socket, "m"), "14");
}

TEST(engine_engine, unloading_waits_for_what_was_accepted_and_answers_it) {
  Strings strings;
  const auto engine = open_engine();
  REQUIRE(engine->start().has_value());
  REQUIRE(load_scripted(*engine, "m", held_by(strings)).has_value());
  H2Socket socket(engine->grpc_port());
  const std::int32_t first = ask(socket, infer_x("m", {1.0F}));
  REQUIRE(socket.wait_until([&] { return strings.begun() == 1; }));
  const std::int32_t second = ask(socket, infer_x("m", {2.0F}));
  const std::int32_t marker = ask(socket, infer_x("nobody", {2.0F}));
  REQUIRE(socket.wait_for_answer(marker));  // so the second is in the queue
  std::atomic<bool> is_unloaded = false;
  std::thread control([&] { is_unloaded = engine->unload("m", 1).has_value(); });
  // Until the unload has begun: an inference that comes before would wait behind the others.
  while (is_ready(socket, "m")) {
  }
  EXPECT_EQ(status_of_inference(socket, "m"), "5");
  EXPECT(!is_unloaded);
  strings.let_all_go();
  REQUIRE(socket.wait_for_answer(first) && socket.wait_for_answer(second));
  control.join();
  EXPECT(is_unloaded);
  EXPECT_EQ(socket.client.answer(first).field("grpc-status"), "0");
  EXPECT_EQ(socket.client.answer(second).field("grpc-status"), "0");
  EXPECT(engine->unload("m", 1).error().code == Code::kNotFound);
}

TEST(engine_engine, replacing_under_load_loses_no_request) {
  const auto engine = open_engine(engine_options(2));
  REQUIRE(engine->start().has_value());
  REQUIRE(engine->load(identity_spec("m", LaneWish::kInline)).has_value());
  std::atomic<bool> is_over = false;
  std::thread control([&] {
    for (int i = 0; i < 20; ++i) {
      const LaneWish lane = i % 2 == 0 ? LaneWish::kBatch : LaneWish::kInline;
      if (!engine->load(identity_spec("m", lane)).has_value()) std::abort();
    }
    is_over = true;
  });
  std::vector<std::unique_ptr<H2Socket>> sockets;
  for (int i = 0; i < 4; ++i) sockets.push_back(std::make_unique<H2Socket>(engine->grpc_port()));
  std::size_t answered = 0;
  std::size_t failed = 0;
  while (!is_over) {
    std::vector<std::int32_t> ids;
    for (auto& socket : sockets) {
      for (int i = 0; i < 8; ++i) ids.push_back(ask(*socket, infer_x("m", {1.0F})));
      socket->flush();
    }
    for (std::size_t i = 0; i < ids.size(); ++i) {
      H2Socket& socket = *sockets[i / 8];
      REQUIRE(socket.wait_for_answer(ids[i]));
      ++answered;
      failed += socket.client.answer(ids[i]).field("grpc-status") == "0" ? 0 : 1;
    }
  }
  control.join();
  EXPECT(answered > 0);
  EXPECT_EQ(failed, 0);
}

TEST(engine_engine, answers_find_their_way_to_every_io_thread) {
  const auto engine = open_engine(engine_options(3));
  REQUIRE(engine->start().has_value());
  REQUIRE(engine->load(identity_spec("m", LaneWish::kBatch)).has_value());
  std::vector<std::unique_ptr<H2Socket>> sockets;
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 9; ++i) {
    sockets.push_back(std::make_unique<H2Socket>(engine->grpc_port()));
    ids.push_back(ask(*sockets.back(), infer_x("m", {static_cast<float>(i)})));
    sockets.back()->flush();
  }
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    REQUIRE(sockets[i]->wait_for_answer(ids[i]));
    const std::string body = sockets[i]->client.answer(ids[i]).body.substr(5);
    EXPECT_EQ(proto_values(body, 6).at(0), bytes_of_value(static_cast<float>(i)));
  }
  EXPECT_EQ(engine->connections(), 9);
}

TEST(engine_engine, a_taken_port_is_refused_and_another_may_be_tried) {
  const auto first = open_engine();
  REQUIRE(first->start().has_value());
  engine::Options options = engine_options();
  options.grpc->port = first->grpc_port();
  const auto second = open_engine(std::move(options));
  const auto started = second->start();
  REQUIRE(!started.has_value());
  EXPECT_CONTAINS(started.error().why, "another program has this port");
  first->stop();
  EXPECT(second->start().has_value());
  EXPECT_EQ(second->grpc_port(), first->grpc_port());
}

// ---------------------------------------------------------------------------------------------
// Stopping

TEST(engine_engine, an_engine_starts_once) {
  const auto engine = open_engine();
  REQUIRE(engine->start().has_value());
  EXPECT(engine->start().error().code == Code::kFailedPrecondition);
  engine->stop();
  EXPECT(engine->start().error().code == Code::kFailedPrecondition);
}

TEST(engine_engine, it_may_be_stopped_or_destroyed_at_any_time) {
  open_engine();
  open_engine(engine_options(3))->stop();
  {
    const auto loaded = open_engine();
    REQUIRE(loaded->load(identity_spec("m", LaneWish::kBatch)).has_value());
  }
  const auto engine = open_engine();
  REQUIRE(engine->load(identity_spec("m", LaneWish::kInline)).has_value());
  REQUIRE(engine->start().has_value());
  const std::uint16_t port = engine->grpc_port();
  engine->stop();
  engine->stop();
  EXPECT(!connect_to(port));
  EXPECT(!engine->readiness().is_ready());
  engine->drain_connections();
  EXPECT_EQ(engine->connections(), 0);
}

TEST(engine_engine, nothing_is_loaded_after_the_stop) {
  const auto engine = open_engine();
  REQUIRE(engine->start().has_value());
  REQUIRE(engine->load(identity_spec("m", LaneWish::kBatch)).has_value());
  engine->stop();
  const auto loaded = engine->load(identity_spec("n", LaneWish::kBatch));
  REQUIRE(!loaded.has_value());
  EXPECT(loaded.error().code == Code::kFailedPrecondition);
  EXPECT_EQ(loaded.error().why, "the engine has stopped");
  engine->set_failed("m", 1, "too late");
  EXPECT(!engine->unload("m", 1).has_value());
  EXPECT(engine->metrics_text().find("model=\"") == std::string::npos);
}

TEST(engine_engine, it_may_be_destroyed_while_requests_wait_and_execute) {
  Strings strings;
  auto engine = open_engine(engine_options(2));
  REQUIRE(engine->start().has_value());
  REQUIRE(engine->load(identity_spec("fast", LaneWish::kInline)).has_value());
  REQUIRE(load_scripted(*engine, "slow", held_by(strings)).has_value());
  std::vector<std::unique_ptr<H2Socket>> sockets;
  for (int i = 0; i < 4; ++i) {
    H2Socket& socket = *sockets.emplace_back(std::make_unique<H2Socket>(engine->grpc_port()));
    for (int j = 0; j < 20; ++j) ask(socket, infer_x("slow", {1.0F}));
    EXPECT_EQ(status_of_inference(socket, "fast"), "0");
  }
  strings.wait_until_begun(1);
  std::thread control([&] { engine.reset(); });
  for (auto& socket : sockets) EXPECT(socket->wait_until_ended());
  strings.let_all_go();  // the batch that executes is let finish
  control.join();
}

TEST(engine_engine, unloading_and_stopping_may_meet) {
  for (int round = 0; round < 10; ++round) {
    const auto engine = open_engine(engine_options(2));
    REQUIRE(engine->start().has_value());
    REQUIRE(engine->load(identity_spec("m", LaneWish::kBatch)).has_value());
    REQUIRE(engine->load(identity_spec("n", LaneWish::kInline)).has_value());
    H2Socket socket(engine->grpc_port());
    for (int i = 0; i < 50; ++i) ask(socket, infer_x(i % 2 == 0 ? "m" : "n", {1.0F}));
    REQUIRE(socket.wait_until([&] { return socket.client.received_bytes() > 1000; }));
    std::thread unloads([&] {
      const auto first = engine->unload("m", 1);
      const auto second = engine->unload("n", 1);
      const auto third = engine->load(identity_spec("m", LaneWish::kBatch));
      if (!first && first.error().code == Code::kOk) std::abort();
    });
    std::thread reads([&] {
      if (engine->metrics_text().empty()) std::abort();
    });
    engine->stop();
    unloads.join();
    reads.join();
  }
}

// ---------------------------------------------------------------------------------------------
// Metrics

TEST(engine_engine, metrics_tell_what_has_happened) {
  const auto engine = open_engine();
  REQUIRE(engine->start().has_value());
  REQUIRE(engine->load(identity_spec("m", LaneWish::kInline)).has_value());
  H2Socket socket(engine->grpc_port());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(status_of_inference(socket, "m"), "0");
  EXPECT_EQ(status_of_inference(socket, "nobody"), "5");
  const std::string text = engine->metrics_text();
  EXPECT_CONTAINS(text, "nv_inference_request_success{model=\"m\",version=\"1\"} 3\n");
  EXPECT_CONTAINS(text, "nv_inference_count{model=\"m\",version=\"1\"} 3\n");
  EXPECT(text.ends_with("\n"));
  EXPECT(text.find("nobody") == std::string::npos);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    REQUIRE(end != std::string::npos);
    const std::string line = text.substr(at, end - at);
    EXPECT(line.starts_with("# HELP ") || line.starts_with("# TYPE ") ||
           line.find_last_of(' ') != std::string::npos);
    at = end + 1;
  }
}

}  // namespace penstock::testing
