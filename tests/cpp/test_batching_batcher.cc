// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "batching/batcher.h"
#include "batching_doubles.h"
#include "harness.h"

using namespace penstock;
using namespace penstock::testing;
using base::Code;
using base::kNever;
using base::Nanos;
using batching::Batcher;
using batching::BatchView;
using batching::Reply;

namespace {

Batcher::Settings settings_of(std::int64_t batch_rows_max, std::size_t tickets_max = 0) {
  return {.queue = {.model_name = "m",
                    .tickets_max = tickets_max,
                    .policy = {.batch_rows_max = batch_rows_max}}};
}

std::vector<Batcher::Instance> one(auto& executor) {
  return {{.thread_name = "m-0", .execute = std::ref(executor)}};
}

Batcher::Deliver into(Mailbox& mailbox) {
  return [&mailbox](std::span<Reply> replies) { mailbox.deliver(replies); };
}

}  // namespace

TEST(batching_batcher, what_comes_while_an_instance_is_busy_is_its_next_batch) {
  PuppetExecutor puppet;
  Mailbox mailbox;
  Batcher batcher(settings_of(8), one_to_one(8), one(puppet), into(mailbox));
  batcher.start();
  batcher.enqueue(ticket_of(1), base::monotonic_now()).value();
  puppet.wait_until_begun(1);
  for (std::uint64_t id = 2; id <= 4; ++id) {
    batcher.enqueue(ticket_of(id), base::monotonic_now()).value();
  }
  puppet.finish(2);
  const auto lots = mailbox.take(4);
  REQUIRE(lots.size() == 2);
  EXPECT_EQ(lots[0].size(), 1);
  EXPECT_EQ(lots[1].size(), 3);
  for (const Reply& reply : lots[1]) {
    EXPECT_EQ(reply.outcome.batch_rows, 3);
    REQUIRE(reply.outcome.outputs.has_value());
    EXPECT_EQ(first_value(reply.outcome.outputs->at(0)),
              static_cast<float>(reply.address.connection_id));
    EXPECT_LT(0, reply.outcome.queue_ns);
  }
}

TEST(batching_batcher, several_instances_work_at_the_same_time) {
  PuppetExecutor puppet;
  Mailbox mailbox;
  Batcher batcher(settings_of(1), one_to_one(1),
                  {{.thread_name = "m-0", .execute = std::ref(puppet)},
                   {.thread_name = "m-1", .execute = std::ref(puppet)}},
                  into(mailbox));
  batcher.start();
  // The second ticket of a round mostly comes while the wake for the first is under way: the
  // instance that is woken must then wake the other. If it did not, this test would never end.
  constexpr int kRounds = 300;
  for (int round = 1; round <= kRounds; ++round) {
    batcher.enqueue(ticket_of(1), base::monotonic_now()).value();
    batcher.enqueue(ticket_of(2), base::monotonic_now()).value();
    puppet.wait_until_begun(2 * round);
    puppet.finish(2);
  }
  EXPECT_EQ(mailbox.take(2 * kRounds).size(), 2 * kRounds);
}

TEST(batching_batcher, a_ticket_that_expires_while_all_are_busy_is_answered_and_not_executed) {
  PuppetExecutor puppet;
  Mailbox mailbox;
  Batcher batcher(settings_of(8), one_to_one(8), one(puppet), into(mailbox));
  batcher.start();
  batcher.enqueue(ticket_of(1), base::monotonic_now()).value();
  puppet.wait_until_begun(1);
  auto dated = ticket_of(2);
  const Nanos deadline = base::monotonic_now() + base::kMillisecond;
  dated->deadline_ns = deadline;
  batcher.enqueue(std::move(dated), base::monotonic_now()).value();
  while (base::monotonic_now() < deadline) std::this_thread::yield();
  puppet.finish();
  const auto lots = mailbox.take(2);
  REQUIRE(lots.size() == 2);
  const auto& outcome = lots[1].at(0).outcome;
  REQUIRE(!outcome.outputs.has_value());
  EXPECT_EQ(outcome.outputs.error().code, Code::kDeadlineExceeded);
  EXPECT_EQ(outcome.batch_rows, 0);
}

TEST(batching_batcher, a_cancelled_ticket_gets_no_answer_from_it) {
  PuppetExecutor puppet;
  Mailbox mailbox;
  Batcher batcher(settings_of(8), one_to_one(8), one(puppet), into(mailbox));
  batcher.start();
  batcher.enqueue(ticket_of(1), base::monotonic_now()).value();
  puppet.wait_until_begun(1);
  const auto place = batcher.enqueue(ticket_of(2), base::monotonic_now()).value();
  EXPECT(batcher.cancel(place.handle) != nullptr);
  puppet.finish();
  batcher.drain();
  EXPECT(batcher.wait_until_idle(kNever));
  EXPECT_EQ(mailbox.take(1).size(), 1);
}

TEST(batching_batcher, draining_executes_what_waits_and_refuses_what_comes) {
  PuppetExecutor puppet;
  Mailbox mailbox;
  Batcher batcher(settings_of(1), one_to_one(1), one(puppet), into(mailbox));
  batcher.start();
  for (std::uint64_t id = 1; id <= 3; ++id) {
    batcher.enqueue(ticket_of(id), base::monotonic_now()).value();
  }
  batcher.drain();
  EXPECT(!batcher.enqueue(ticket_of(4), base::monotonic_now()).has_value());
  EXPECT(!batcher.wait_until_idle(base::monotonic_now()));
  puppet.finish(3);
  EXPECT(batcher.wait_until_idle(kNever));
  for (const auto& lot : mailbox.take(3)) EXPECT(lot.at(0).outcome.outputs.has_value());
}

TEST(batching_batcher, stopping_finishes_the_batch_under_way_and_answers_what_waits) {
  PuppetExecutor puppet;
  Mailbox mailbox;
  Batcher batcher(settings_of(1), one_to_one(1), one(puppet), into(mailbox));
  batcher.start();
  batcher.enqueue(ticket_of(1), base::monotonic_now()).value();
  puppet.wait_until_begun(1);
  batcher.enqueue(ticket_of(2), base::monotonic_now()).value();
  batcher.stop();
  puppet.finish();
  EXPECT(batcher.wait_until_idle(kNever));
  const auto lots = mailbox.take(2);
  REQUIRE(lots.size() == 2);
  REQUIRE(!lots[0].at(0).outcome.outputs.has_value());
  EXPECT_EQ(lots[0].at(0).outcome.outputs.error().code, Code::kUnavailable);
  EXPECT(lots[1].at(0).outcome.outputs.has_value());
}

TEST(batching_batcher, its_threads_carry_the_names_they_are_given) {
  std::string name;
  const auto look = [&name](const BatchView& batch, std::vector<base::Tensor>& outputs) {
    char text[16] = {};
    pthread_getname_np(pthread_self(), text, sizeof text);
    name = text;
    return EchoExecutor{}(batch, outputs);
  };
  Mailbox mailbox;
  Batcher batcher(settings_of(1), one_to_one(1),
                  {{.thread_name = "a-name-longer-than-15-bytes", .execute = look}}, into(mailbox));
  batcher.start();
  batcher.enqueue(ticket_of(1), base::monotonic_now()).value();
  mailbox.take(1);
  EXPECT_EQ(name, "a-name-longer-t");
}

TEST(batching_batcher, every_ticket_is_answered_exactly_once_under_cancels_and_a_sudden_stop) {
  constexpr std::uint64_t kSenders = 3;
  constexpr std::uint64_t kEach = 2'000;
  for (const bool is_stopped : {false, true}) {
    std::vector<std::atomic<int>> answered(kSenders * kEach);
    std::atomic<int> wrong{0};
    const auto deliver = [&](std::span<Reply> replies) {
      for (const Reply& reply : replies) {
        const std::uint64_t id = reply.address.connection_id;
        ++answered[id];
        if (!reply.outcome.outputs.has_value()) continue;
        for (const float value : values_of(reply.outcome.outputs->at(0))) {
          if (value != static_cast<float>(id)) ++wrong;
        }
      }
    };
    Batcher batcher(settings_of(16, 128), one_to_one(16),
                    {{.thread_name = "m-0", .execute = EchoExecutor{}},
                     {.thread_name = "m-1", .execute = EchoExecutor{}}},
                    deliver);
    batcher.start();
    std::vector<std::thread> senders;
    for (std::uint64_t sender = 0; sender < kSenders; ++sender) {
      senders.emplace_back([&, sender] {
        std::mt19937_64 random(sender);
        for (std::uint64_t i = 0; i < kEach; ++i) {
          const std::uint64_t id = sender * kEach + i;
          auto ticket = ticket_of(id, 1 + static_cast<std::int64_t>(random() % 3),
                                  1 + static_cast<std::int64_t>(random() % 2));
          const Nanos now = base::monotonic_now();
          if (random() % 8 == 0) ticket->deadline_ns = now + 1 + Nanos(random() % 100'000);
          const auto place = batcher.enqueue(std::move(ticket), now);
          if (!place || (random() % 4 == 0 && batcher.cancel(place->handle) != nullptr)) {
            ++answered[id];
          }
        }
      });
    }
    if (is_stopped) batcher.stop();
    for (std::thread& sender : senders) sender.join();
    batcher.drain();
    EXPECT(batcher.wait_until_idle(kNever));
    EXPECT_EQ(wrong.load(), 0);
    EXPECT(std::ranges::all_of(answered, [](const auto& times) { return times == 1; }));
  }
}
