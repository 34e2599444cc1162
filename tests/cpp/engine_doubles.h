// SPDX-License-Identifier: Apache-2.0
#pragma once

// An engine on a free port of this machine, and models for it.

#include <memory>
#include <string>
#include <utility>

#include "engine/engine.h"
#include "h2_socket.h"
#include "serving_doubles.h"

namespace penstock::testing {

inline engine::Options engine_options(std::size_t io_threads = 1) {
  engine::Options options;
  options.io_threads = io_threads;
  options.grpc = {.address = "127.0.0.1"};
  options.identity = {.name = "penstock", .version = "0", .extensions = {}};
  return options;
}

inline std::unique_ptr<engine::Engine> open_engine(engine::Options options = engine_options()) {
  auto opened = engine::Engine::open(std::move(options));
  PENSTOCK_CHECK(opened.has_value());
  return std::move(*opened);
}

// FP32 "x" -> "y", unchanged.
inline engine::ModelSpec identity_spec(std::string name, engine::LaneWish lane) {
  engine::ModelSpec spec{.name = std::move(name), .platform = "identity", .backend = "identity"};
  spec.config.inputs = {{.name = "x", .dtype = base::DType::kFp32, .dims = {-1}}};
  spec.config.outputs = {{.name = "y", .dtype = base::DType::kFp32, .dims = {-1}}};
  spec.config.batch_rows_max = 8;
  spec.lane = lane;
  return spec;
}

// The same, on instance threads, as the test says.
inline base::Result<engine::LoadedModel> load_scripted(engine::Engine& engine, std::string name,
                                                       Behaviour behaviour,
                                                       std::int64_t version = 1) {
  engine::Executors executors;
  executors.push_back(
      std::make_unique<ScriptedExecutor>(x_to_y(), std::move(behaviour), /*is_native=*/false));
  return engine.load(
      {.name = std::move(name), .version = version, .platform = "test", .backend = "python"},
      std::move(executors));
}

inline std::int32_t ask(H2Socket& socket, std::string_view message, const Fields& more = {}) {
  return socket.client.request(grpc_request(kInferPath, more), grpc_framed(message));
}

// Asks `model` for one row and gives the status of the answer; "" where none came.
inline std::string status_of_inference(H2Socket& socket, std::string_view model) {
  const std::int32_t id = ask(socket, infer_x(model, {1.0F}));
  if (!socket.wait_for_answer(id)) return "";
  return socket.client.answer(id).field("grpc-status");
}

inline std::string status_of_inference(std::uint16_t port, std::string_view model) {
  H2Socket socket(port);
  return socket.is_connected() ? status_of_inference(socket, model) : "";
}

inline bool is_ready(H2Socket& socket, std::string_view model) {
  constexpr std::string_view kPath = "/inference.GRPCInferenceService/ModelReady";
  const std::int32_t id =
      socket.client.request(grpc_request(kPath), grpc_framed(sized_field(1, model)));
  return socket.wait_for_answer(id) && socket.client.answer(id).body == grpc_framed("\x08\x01");
}

}  // namespace penstock::testing
