// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "harness.h"
#include "model/process_executor.h"
#include "model_fixtures.h"
#include "scripted_worker.h"

namespace penstock::model {
namespace {

using base::Code;
using base::kMillisecond;
using base::kSecond;
using testing::floats;
using testing::Script;

ProcessExecutor::Settings settings(std::string document = "load") {
  return {
      .model_name = "m",
      .version = "1",
      .signature = {.inputs = {{.name = "x", .dims = {-1}}},
                    .outputs = {{.name = "y", .dims = {-1}}},
                    .batch_rows_max = 8},
      .worker = {.command = testing::scripted_worker(),
                 .document = std::move(document),
                 .batch_ns_max = 60 * kSecond,
                 .load_ns_max = 60 * kSecond},
      .restart = {
          .first_wait_ns = kMillisecond, .wait_ns_max = kMillisecond, .healthy_ns = 60 * kSecond}};
}

base::Result<std::vector<base::Tensor>> run(ProcessExecutor& executor, Script script) {
  return testing::run_batch(executor, 1, {floats({1, 2}, {static_cast<float>(script), 5})});
}

base::Error failure_of(ProcessExecutor& executor, Script script) {
  const auto outputs = run(executor, script);
  return outputs ? base::Error{Code::kOk, "it answered"} : outputs.error();
}

void wait_until_up(ProcessExecutor& executor, std::uint64_t workers = 1) {
  while (executor.workers()->up < workers) std::this_thread::yield();
}

TEST(model_process_executor, a_batch_goes_to_the_worker_and_comes_back) {
  const auto executor = ProcessExecutor::open(settings());
  REQUIRE(executor.has_value());
  const auto outputs = testing::run_batch(**executor, 2, {floats({2, 2}, {0, 1, 2, 3})});
  REQUIRE(outputs.has_value());
  REQUIRE(outputs->size() == 1);
  EXPECT_EQ(outputs->front().shape, (base::Shape{2, 2}));
  EXPECT_EQ(testing::values_of<float>(outputs->front()), (std::vector<float>{0, 2, 4, 6}));
}

TEST(model_process_executor, batches_of_any_size_come_one_after_another) {
  const auto executor = ProcessExecutor::open(settings());
  REQUIRE(executor.has_value());
  for (const std::size_t columns : {1U, 1'000'000U, 0U, 3U, 40'000'000U, 7U}) {
    const std::vector<float> values(columns, 0.5F);
    const auto outputs = testing::run_batch(
        **executor, 1, {floats({1, static_cast<std::int64_t>(columns)}, values)});
    REQUIRE(outputs.has_value());
    EXPECT(testing::values_of<float>(outputs->front()) == std::vector<float>(columns, 1.0F));
  }
}

TEST(model_process_executor, each_way_to_die_is_told_and_another_worker_takes_over) {
  auto wanted = settings();
  wanted.worker.batch_ns_max = 300 * kMillisecond;
  wanted.worker.memory_bytes_max = std::size_t{400} << 20;
  const auto executor = ProcessExecutor::open(std::move(wanted));
  REQUIRE(executor.has_value());
  const auto dies = [&](Script script, std::string_view story) {
    wait_until_up(**executor);
    const base::Error error = failure_of(**executor, script);
    EXPECT(error.code == Code::kUnavailable);
    EXPECT_CONTAINS(error.why, "model \"m\": its process ");
    EXPECT_CONTAINS(error.why, story);
    wait_until_up(**executor);
    EXPECT(run(**executor, Script::kDouble).has_value());
  };
  dies(Script::kExit, "ended with exit status 3");
  dies(Script::kKill, "was killed by SIGKILL (Killed)");
  dies(Script::kLoop, "took more than 0.3 s for a batch (penstock.batch_seconds_max)");
  dies(Script::kBabble, "sent something that is no answer");
  dies(Script::kWrongNumber, "sent something that is no answer");
  dies(Script::kOutside, "sent something that is no answer");
  dies(Script::kFarOutside, "sent something that is no answer");
  dies(Script::kFork, "ended with exit status 4");
  EXPECT_EQ((*executor)->workers()->restarts, 8);
}

TEST(model_process_executor, a_worker_that_holds_too_much_is_ended_while_it_runs) {
  auto wanted = settings();
  wanted.worker.memory_bytes_max = std::size_t{400} << 20;
  const auto executor = ProcessExecutor::open(std::move(wanted));
  REQUIRE(executor.has_value());
  const base::Error error = failure_of(**executor, Script::kLeak);
  EXPECT(error.code == Code::kUnavailable);
  EXPECT_CONTAINS(error.why, "more than the 419430400 of penstock.memory_bytes_max");
}

TEST(model_process_executor, a_worker_that_closes_its_socket_and_lives_on_is_ended) {
  const auto executor = ProcessExecutor::open(settings());
  REQUIRE(executor.has_value());
  EXPECT_CONTAINS(failure_of(**executor, Script::kClose).why, "sent something that is no answer");
}

TEST(model_process_executor, what_a_model_raises_is_its_own_sentence_and_no_death) {
  const auto executor = ProcessExecutor::open(settings());
  REQUIRE(executor.has_value());
  const base::Error error = failure_of(**executor, Script::kRaise);
  EXPECT(error == (base::Error{Code::kInternal, "it did not like that"}));
  EXPECT(run(**executor, Script::kDouble).has_value());
  EXPECT_EQ((*executor)->workers()->restarts, 0);
}

TEST(model_process_executor, inputs_beyond_the_shared_bound_are_refused_and_no_death) {
  auto wanted = settings();
  wanted.worker.shared_bytes_max = std::size_t{1} << 20;
  const auto executor = ProcessExecutor::open(std::move(wanted));
  REQUIRE(executor.has_value());
  const auto refused =
      testing::run_batch(**executor, 1, {floats({1, 300'000}, std::vector<float>(300'000))});
  REQUIRE(!refused.has_value());
  EXPECT(refused.error().code == Code::kResourceExhausted);
  EXPECT_CONTAINS(refused.error().why, "model \"m\": at most 1048576 bytes");
  EXPECT(run(**executor, Script::kDouble).has_value());
}

TEST(model_process_executor, while_none_is_up_batches_fail_at_once_and_say_when_to_try_again) {
  auto wanted = settings();
  wanted.restart.first_wait_ns = 50 * kSecond;
  const auto executor = ProcessExecutor::open(std::move(wanted));
  REQUIRE(executor.has_value());
  failure_of(**executor, Script::kExit);
  while ((*executor)->workers()->up > 0) std::this_thread::yield();
  base::Error error = failure_of(**executor, Script::kDouble);
  while (!error.why.ends_with(" s")) error = failure_of(**executor, Script::kDouble);
  EXPECT(error.code == Code::kUnavailable);
  EXPECT_CONTAINS(error.why, "its process ended with exit status 3; it is started again in ");
}

TEST(model_process_executor, as_long_as_one_lives_the_death_of_another_fails_no_batch) {
  auto wanted = settings();
  wanted.instances = 2;
  wanted.restart.first_wait_ns = 50 * kSecond;
  const auto executor = ProcessExecutor::open(std::move(wanted));
  REQUIRE(executor.has_value());
  failure_of(**executor, Script::kExit);
  std::atomic<int> answered = 0;
  std::vector<std::thread> instances;
  for (int i = 0; i < 2; ++i) {
    instances.emplace_back([&] {
      for (int n = 0; n < 100; ++n) answered += run(**executor, Script::kDouble) ? 1 : 0;
    });
  }
  for (std::thread& instance : instances) instance.join();
  EXPECT_EQ(answered.load(), 200);
  EXPECT_EQ((*executor)->workers()->up, 1);
}

TEST(model_process_executor, a_model_that_cannot_be_loaded_is_no_executor) {
  auto raised = ProcessExecutor::open(settings("raise"));
  REQUIRE(!raised.has_value());
  EXPECT(raised.error() == (base::Error{Code::kInternal, "it has no weights"}));
  auto died = ProcessExecutor::open(settings("exit"));
  REQUIRE(!died.has_value());
  EXPECT_CONTAINS(died.error().why, "ended with exit status 3 before the model was loaded");
  auto wanted = settings("loop");
  wanted.worker.load_ns_max = 100 * kMillisecond;
  auto late = ProcessExecutor::open(std::move(wanted));
  REQUIRE(!late.has_value());
  EXPECT_CONTAINS(late.error().why, "took more than 0.1 s to load the model");
  wanted = settings();
  wanted.worker.command = {"/nowhere/to/be/found"};
  auto absent = ProcessExecutor::open(std::move(wanted));
  REQUIRE(!absent.has_value());
  EXPECT_CONTAINS(absent.error().why, "cannot start /nowhere/to/be/found");
}

TEST(model_process_executor, an_interrupt_ends_what_would_run_for_ever) {
  const auto executor = ProcessExecutor::open(settings());
  REQUIRE(executor.has_value());
  base::Error error;
  std::thread instance([&] { error = failure_of(**executor, Script::kLoop); });
  std::this_thread::yield();
  (*executor)->interrupt();
  instance.join();
  EXPECT(error.code == Code::kUnavailable);
  EXPECT_CONTAINS(error.why, "stopped");
  EXPECT_CONTAINS(failure_of(**executor, Script::kDouble).why, "it is being stopped");
}

std::size_t entries(const char* folder) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

TEST(model_process_executor, twenty_deaths_leave_no_descriptor_no_mapping_and_no_zombie) {
  const auto maps = [] {
    std::ifstream file("/proc/self/maps");
    std::size_t arenas = 0;
    for (std::string line; std::getline(file, line);) {
      arenas += line.find("penstock-arena") != std::string::npos ? 1 : 0;
    }
    return arenas;
  };
  const std::size_t before = entries("/proc/self/fd");
  const std::size_t mapped_before = maps();
  {
    const auto executor = ProcessExecutor::open(settings());
    REQUIRE(executor.has_value());
    const std::size_t with_one = entries("/proc/self/fd");
    for (int death = 0; death < 20; ++death) {
      EXPECT(failure_of(**executor, Script::kKill).code == Code::kUnavailable);
      while ((*executor)->workers()->restarts <= static_cast<std::uint64_t>(death)) {
        std::this_thread::yield();
      }
      wait_until_up(**executor);
    }
    EXPECT_EQ(entries("/proc/self/fd"), with_one);
    EXPECT_EQ(maps(), mapped_before + 2);
  }
  EXPECT_EQ(entries("/proc/self/fd"), before);
  EXPECT_EQ(maps(), mapped_before);
  siginfo_t child{};
  EXPECT_EQ(waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT), -1);  // there is none
}

}  // namespace
}  // namespace penstock::model
