// SPDX-License-Identifier: Apache-2.0
// A server without Python: what the sanitizers and fuzzers load-test. Serves the identity models
// "identity" (inline) and "identity_batch" (batch lane), and one ONNX model where a library and a
// file are given.
//
// REST is served too, on a port that the system chooses.
//
//   penstock-core PORT IO_THREADS [LIBONNXRUNTIME MODEL.onnx]
#include <poll.h>

#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>

#include "engine/drain.h"
#include "engine/engine.h"

namespace {

using penstock::base::Error;
using penstock::engine::Drain;
using penstock::engine::Engine;
using penstock::engine::LaneWish;
using penstock::engine::ModelSpec;

int give_up(const Error& error) {
  std::fprintf(stderr, "penstock-core: %s\n", error.why.c_str());
  return 1;
}

unsigned number(std::string_view text) {
  unsigned value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

ModelSpec identity(std::string name, LaneWish lane) {
  ModelSpec spec{.name = std::move(name), .platform = "identity", .backend = "identity"};
  const penstock::model::ConfigTensor tensor{
      .name = "INPUT0", .dtype = penstock::base::DType::kFp32, .dims = {-1}};
  spec.config.inputs = {tensor};
  spec.config.outputs = {tensor};
  spec.config.outputs.front().name = "OUTPUT0";
  spec.config.batch_rows_max = 64;
  spec.lane = lane;
  return spec;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3 && count != 5) {
    std::fprintf(stderr, "usage: penstock-core PORT IO_THREADS [LIBONNXRUNTIME MODEL.onnx]\n");
    return 2;
  }
  penstock::engine::Options options;
  options.grpc = {.address = "127.0.0.1", .port = static_cast<std::uint16_t>(number(arguments[1]))};
  options.rest = {.address = "127.0.0.1"};
  options.identity = {.name = "triton", .version = "0", .extensions = {}};
  options.io_threads = std::max(1U, number(arguments[2]));
  if (count == 5) options.onnxruntime_library = arguments[3];
  auto engine = Engine::open(std::move(options));
  if (!engine) return give_up(engine.error());
  for (const auto& [name, lane] :
       {std::pair{"identity", LaneWish::kInline}, std::pair{"identity_batch", LaneWish::kBatch}}) {
    if (auto loaded = (*engine)->load(identity(name, lane)); !loaded) {
      return give_up(loaded.error());
    }
  }
  if (count == 5) {
    ModelSpec spec{.name = "onnx", .platform = "onnxruntime_onnx", .backend = "onnxruntime"};
    spec.model_path = arguments[4];
    if (auto loaded = (*engine)->load(spec); !loaded) return give_up(loaded.error());
  }
  if (auto started = (*engine)->start(); !started) return give_up(started.error());
  auto drain = Drain::open(**engine);
  if (!drain) return give_up(drain.error());
  (*drain)->install_signal_handlers();
  (*engine)->set_ready(true);
  std::printf("penstock-core is ready: rest=127.0.0.1:%u grpc=127.0.0.1:%u\n",
              unsigned{(*engine)->rest_port()}, unsigned{(*engine)->grpc_port()});
  std::fflush(stdout);
  pollfd drained{.fd = (*drain)->drained_fd(), .events = POLLIN, .revents = 0};
  while (::poll(&drained, 1, -1) < 0 && errno == EINTR) {
  }
  (*engine)->stop();
  return 0;
}
