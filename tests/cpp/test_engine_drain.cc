// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <memory>
#include <string>

#include "engine/drain.h"
#include "engine_doubles.h"
#include "harness.h"

namespace penstock::testing {
namespace {

using base::kMillisecond;
using base::kSecond;
using engine::Drain;
using engine::Engine;

// An engine whose drains do not end this process.
std::unique_ptr<Engine> patient_engine(base::Nanos delay_ns = 0) {
  engine::Options options = engine_options(2);
  options.drain = {.delay_ns = delay_ns, .exit_timeout_ns = base::kNever};
  auto engine = open_engine(std::move(options));
  engine->set_ready(true);
  return engine;
}

bool is_drained(const Drain& drain, int wait_ms) {
  pollfd watched{.fd = drain.drained_fd(), .events = POLLIN, .revents = 0};
  return ::poll(&watched, 1, wait_ms) == 1;
}

#if !defined(__SANITIZE_THREAD__)  // which does not let a forked process start threads
// Runs `story` in a process of its own; returns how that ended: its exit status, or 1000 + signal.
int ending_of(const std::function<void()>& story) {
  const pid_t child = fork();
  if (child == 0) {
    if (freopen("/dev/null", "w", stderr) == nullptr) _exit(98);
    story();
    _exit(99);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

engine::Options with_exit_timeout(base::Nanos timeout_ns) {
  engine::Options options = engine_options();
  options.drain.exit_timeout_ns = timeout_ns;
  return options;
}

void wait_for_ever() { ::poll(nullptr, 0, -1); }
#endif

}  // namespace

TEST(engine_drain, a_drain_that_never_begins_may_be_destroyed) {
  const auto engine = patient_engine();
  REQUIRE(engine->start().has_value());
  const auto drain = Drain::open(*engine);
  REQUIRE(drain.has_value());
  EXPECT(!(*drain)->has_begun());
  EXPECT(!is_drained(**drain, 0));
  EXPECT(engine->readiness().is_ready());
}

TEST(engine_drain, an_idle_server_is_drained_at_once) {
  const auto engine = patient_engine();
  REQUIRE(engine->start().has_value());
  const auto drain = Drain::open(*engine);
  REQUIRE(drain.has_value());
  (*drain)->begin();
  (*drain)->begin();
  EXPECT((*drain)->has_begun());
  EXPECT(is_drained(**drain, 60'000));
  EXPECT(!engine->readiness().is_ready());
  EXPECT(is_drained(**drain, 0));  // and stays so
}

TEST(engine_drain, a_server_is_drained_when_its_last_call_is_answered) {
  Strings strings;
  const auto engine = patient_engine();
  REQUIRE(engine->start().has_value());
  REQUIRE(load_scripted(*engine, "m",
                        [&](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
                          strings.pass();
                          return echo_batch(batch, outputs);
                        })
              .has_value());
  H2Socket socket(engine->grpc_port());
  const std::int32_t id = ask(socket, infer_x("m", {1.0F}));
  REQUIRE(socket.wait_until([&] { return strings.begun() == 1; }));
  const auto drain = Drain::open(*engine);
  REQUIRE(drain.has_value());
  (*drain)->begin();
  REQUIRE(socket.wait_until([&] { return socket.client.goaways().size() == 2; }));
  EXPECT(!is_drained(**drain, 0));
  EXPECT(!connect_to(engine->grpc_port()));
  strings.let_all_go();
  REQUIRE(socket.wait_for_answer(id));
  EXPECT_EQ(socket.client.answer(id).field("grpc-status"), "0");
  EXPECT(socket.wait_until_ended());
  socket.close();
  EXPECT(is_drained(**drain, 60'000));
}

TEST(engine_drain, during_its_delay_a_server_is_unready_and_still_accepts) {
  const auto engine = patient_engine(base::kNever);
  REQUIRE(engine->start().has_value());
  REQUIRE(engine->load(identity_spec("m", engine::LaneWish::kInline)).has_value());
  const auto drain = Drain::open(*engine);
  REQUIRE(drain.has_value());
  H2Socket before(engine->grpc_port());
  EXPECT_EQ(status_of_inference(before, "m"), "0");
  (*drain)->begin();
  std::string reply = "unasked";
  while (!reply.empty()) {  // ServerReady's `true`, until the drain's thread has begun
    const std::int32_t id = before.client.request(
        grpc_request("/inference.GRPCInferenceService/ServerReady"), grpc_framed(""));
    REQUIRE(before.wait_for_answer(id));
    reply = before.client.answer(id).body.substr(5);
  }
  EXPECT_EQ(status_of_inference(engine->grpc_port(), "m"), "0");
  EXPECT(before.client.goaways().empty());
  EXPECT(!is_drained(**drain, 0));
}

TEST(engine_drain, a_drain_may_be_destroyed_in_the_middle) {
  for (const base::Nanos delay : {base::Nanos{0}, base::kNever}) {
    const auto engine = patient_engine(delay);
    REQUIRE(engine->start().has_value());
    H2Socket open(engine->grpc_port());
    REQUIRE(open.wait_until([&] { return open.client.received_bytes() > 0; }));
    const auto drain = Drain::open(*engine);
    REQUIRE(drain.has_value());
    (*drain)->begin();
  }
}

#if !defined(__SANITIZE_THREAD__)

TEST(engine_drain, a_call_that_outlasts_the_exit_timeout_ends_the_process_with_1) {
  EXPECT_EQ(ending_of([] {
              Strings strings;
              const auto engine = open_engine(with_exit_timeout(300 * kMillisecond));
              if (!engine->start()) return;
              if (!load_scripted(
                      *engine, "m",
                      [&](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
                        strings.pass();
                        return echo_batch(batch, outputs);
                      })) {
                return;
              }
              H2Socket socket(engine->grpc_port());
              ask(socket, infer_x("m", {1.0F}));
              if (!socket.wait_until([&] { return strings.begun() == 1; })) return;
              const auto drain = Drain::open(*engine);
              (*drain)->begin();
              wait_for_ever();
            }),
            1);
}

TEST(engine_drain, a_process_that_hangs_after_the_last_answer_ends_with_0) {
  EXPECT_EQ(ending_of([] {
              const auto engine = open_engine(with_exit_timeout(300 * kMillisecond));
              if (!engine->start()) return;
              const auto drain = Drain::open(*engine);
              (*drain)->begin();
              if (!is_drained(**drain, 60'000)) return;
              wait_for_ever();
            }),
            0);
}

TEST(engine_drain, a_signal_begins_the_drain_and_a_second_one_ends_the_process) {
  EXPECT_EQ(ending_of([] {
              const auto engine = open_engine(with_exit_timeout(60 * kSecond));
              if (!engine->start()) return;
              const auto drain = Drain::open(*engine);
              (*drain)->install_signal_handlers();
              raise(SIGTERM);
              if (is_drained(**drain, 60'000) && (*drain)->has_begun()) _exit(42);
            }),
            42);
  EXPECT_EQ(ending_of([] {
              const auto engine = open_engine(with_exit_timeout(60 * kSecond));
              if (!engine->start()) return;
              const auto drain = Drain::open(*engine);
              (*drain)->install_signal_handlers();
              raise(SIGTERM);
              raise(SIGINT);
            }),
            128 + SIGINT);
}

TEST(engine_drain, signals_have_their_default_action_again_when_the_drain_is_gone) {
  EXPECT_EQ(ending_of([] {
              const auto engine = open_engine(with_exit_timeout(60 * kSecond));
              if (!engine->start()) return;
              {
                const auto drain = Drain::open(*engine);
                (*drain)->install_signal_handlers();
              }
              raise(SIGTERM);
            }),
            1000 + SIGTERM);
}

#endif

}  // namespace penstock::testing
