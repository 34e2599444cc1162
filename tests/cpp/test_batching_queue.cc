// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "batching/queue.h"
#include "batching_doubles.h"
#include "batching_simulator.h"
#include "harness.h"

using namespace penstock;
using namespace penstock::testing;
using base::Code;
using base::kMicrosecond;
using base::kMillisecond;
using base::kNever;
using base::kSecond;
using batching::Handle;
using batching::Queue;
using batching::QueueSettings;
using batching::Ticket;
using batching::TimeoutAction;

namespace {

using Ids = std::vector<std::uint64_t>;

QueueSettings settings_of(std::int64_t batch_rows_max, Nanos delay_ns = 0) {
  return {.model_name = "m", .policy = {.batch_rows_max = batch_rows_max, .delay_ns = delay_ns}};
}

// What is pulled at `now` without waiting: the batch, then the expired.
Ids pulled_at(Queue& queue, Nanos now) {
  Queue::Pulled pulled;
  queue.try_pull(now, pulled);
  Ids ids = ids_of(pulled.tickets);
  for (const std::uint64_t id : ids_of(pulled.expired)) ids.push_back(1'000 + id);
  return ids;
}

}  // namespace

TEST(batching_queue, tickets_come_out_in_batches_of_their_shape) {
  Queue queue(settings_of(8));
  for (std::uint64_t id = 0; id < 6; ++id) {
    EXPECT(queue.enqueue(ticket_of(id, 1, id % 2 == 0 ? 2 : 3), Nanos(id + 1)).has_value());
  }
  EXPECT_EQ(queue.size(), 6);
  EXPECT_EQ(pulled_at(queue, 10), (Ids{0, 2, 4}));
  EXPECT_EQ(pulled_at(queue, 10), (Ids{1, 3, 5}));
  EXPECT_EQ(pulled_at(queue, 10), Ids{});
  EXPECT_EQ(queue.size(), 0);
}

TEST(batching_queue, equal_keys_of_different_shapes_do_not_share_a_batch) {
  Queue queue(settings_of(8));
  auto narrow = ticket_of(1, 1, 2);
  auto wide = ticket_of(2, 1, 3);
  narrow->shape_key = wide->shape_key = 42;
  queue.enqueue(std::move(narrow), 1).value();
  queue.enqueue(std::move(wide), 2).value();
  EXPECT_EQ(pulled_at(queue, 3), Ids{1});
  EXPECT_EQ(pulled_at(queue, 3), Ids{2});
}

TEST(batching_queue, a_full_queue_refuses_and_leaves_the_ticket_with_the_caller) {
  QueueSettings settings = settings_of(8);
  settings.tickets_max = 2;
  Queue queue(settings);
  queue.enqueue(ticket_of(1), 1).value();
  const auto second = queue.enqueue(ticket_of(2), 1).value();
  auto third = ticket_of(3);
  const auto refused = queue.enqueue(std::move(third), 1);
  REQUIRE(!refused.has_value());
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_CONTAINS(refused.error().why, "model \"m\": its queue of 2 requests is full");
  EXPECT(third != nullptr);
  EXPECT(queue.cancel(second.handle) != nullptr);
  EXPECT(queue.enqueue(std::move(third), 1).has_value());
}

TEST(batching_queue, no_bound_in_the_configuration_means_the_default_bound) {
  Queue queue(settings_of(8));
  EXPECT_EQ(queue.settings().tickets_max, batching::kDefaultQueueTicketsMax);
}

TEST(batching_queue, a_request_larger_than_the_largest_batch_is_refused) {
  Queue queue(settings_of(4));
  const auto refused = queue.enqueue(ticket_of(1, 5), 1);
  REQUIRE(!refused.has_value());
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  EXPECT_EQ(refused.error().why,
            "model \"m\": wanted 1 to 4 rows in a request (max_batch_size), got 5");
  EXPECT(!queue.enqueue(ticket_of(1, 0), 1).has_value());
  EXPECT(queue.enqueue(ticket_of(1, 4), 1).has_value());
}

TEST(batching_queue, a_cancelled_ticket_comes_back_once_and_is_not_executed) {
  Queue queue(settings_of(8));
  Ids left;
  std::vector<Handle> handles;
  for (std::uint64_t id = 0; id < 5; ++id) {
    handles.push_back(queue.enqueue(ticket_of(id), 1).value().handle);
  }
  for (const std::size_t id : {0, 2, 4}) {
    const auto ticket = queue.cancel(handles[id]);
    REQUIRE(ticket != nullptr);
    EXPECT_EQ(ticket->reply.connection_id, id);
    EXPECT(queue.cancel(handles[id]) == nullptr);
  }
  EXPECT_EQ(pulled_at(queue, 2), (Ids{1, 3}));
  EXPECT(queue.cancel(handles[1]) == nullptr);
  EXPECT(queue.cancel(Handle{}) == nullptr);
  EXPECT(queue.cancel(Handle{.slot = 12'345, .generation = 1}) == nullptr);
}

TEST(batching_queue, an_old_handle_does_not_name_the_next_ticket_in_its_slot) {
  Queue queue(settings_of(8));
  const Handle first = queue.enqueue(ticket_of(1), 1).value().handle;
  queue.cancel(first);
  const Handle second = queue.enqueue(ticket_of(2), 1).value().handle;
  EXPECT_EQ(second.slot, first.slot);
  EXPECT(queue.cancel(first) == nullptr);
  EXPECT_EQ(pulled_at(queue, 2), Ids{2});
}

TEST(batching_queue, an_expired_ticket_is_given_back_and_never_executed) {
  Queue queue(settings_of(8));
  auto dated = ticket_of(1);
  dated->deadline_ns = 100;
  EXPECT_EQ(queue.enqueue(std::move(dated), 1).value().expires_ns, 100);
  EXPECT_EQ(queue.enqueue(ticket_of(2), 1).value().expires_ns, kNever);
  Queue::Pulled pulled;
  queue.try_pull(100, pulled);
  EXPECT_EQ(ids_of(pulled.tickets), Ids{2});
  REQUIRE(pulled.expired.size() == 1);
  const auto why = expiry(*pulled.expired[0], queue.settings(), pulled.cut_ns);
  REQUIRE(why.has_value());
  EXPECT_EQ(why->code, Code::kDeadlineExceeded);
  EXPECT_EQ(why->why, "deadline exceeded while waiting in the queue of model \"m\"");
}

TEST(batching_queue, a_ticket_that_comes_too_late_is_refused_at_once) {
  Queue queue(settings_of(8));
  auto late = ticket_of(1);
  late->deadline_ns = 5;
  const auto refused = queue.enqueue(std::move(late), 5);
  REQUIRE(!refused.has_value());
  EXPECT_EQ(refused.error().code, Code::kDeadlineExceeded);
  EXPECT(late != nullptr);
}

TEST(batching_queue, a_ticket_past_its_queue_timeout_is_rejected) {
  QueueSettings settings = settings_of(8);
  settings.default_timeout_ns = 50 * kMicrosecond;
  Queue queue(settings);
  const auto place = queue.enqueue(ticket_of(1), 0).value();
  EXPECT_EQ(place.expires_ns, 50 * kMicrosecond);
  Queue::Pulled pulled;
  queue.try_pull(60 * kMicrosecond, pulled);
  REQUIRE(pulled.expired.size() == 1);
  const auto why = expiry(*pulled.expired[0], queue.settings(), pulled.cut_ns);
  REQUIRE(why.has_value());
  EXPECT_EQ(why->code, Code::kUnavailable);
  EXPECT_EQ(why->why, "Request timeout expired after 60 microseconds in the queue of model \"m\"");
}

TEST(batching_queue, a_request_may_shorten_the_queue_timeout_but_not_lengthen_it) {
  QueueSettings settings = settings_of(8);
  settings.default_timeout_ns = 50;
  Queue queue(settings);
  auto shorter = ticket_of(1);
  shorter->queue_deadline_ns = 20;
  auto longer = ticket_of(2);
  longer->queue_deadline_ns = 900;
  EXPECT_EQ(queue.enqueue(std::move(shorter), 0).value().expires_ns, 20);
  EXPECT_EQ(queue.enqueue(std::move(longer), 0).value().expires_ns, 50);
}

TEST(batching_queue, under_delay_a_late_ticket_is_served_after_those_that_are_not) {
  QueueSettings settings = settings_of(8);
  settings.timeout_action = TimeoutAction::kDelay;
  settings.default_timeout_ns = 50;
  Queue queue(settings);
  EXPECT_EQ(queue.enqueue(ticket_of(1), 0).value().expires_ns, kNever);
  queue.enqueue(ticket_of(2), 0).value();
  queue.enqueue(ticket_of(3), 80).value();
  EXPECT_EQ(pulled_at(queue, 100), Ids{3});
  EXPECT_EQ(pulled_at(queue, 100), (Ids{1, 2}));
}

TEST(batching_queue, a_closed_queue_refuses_gives_out_what_is_left_and_ends) {
  Queue queue(settings_of(2, kSecond));
  for (std::uint64_t id = 0; id < 3; ++id) queue.enqueue(ticket_of(id), 1).value();
  queue.close();
  auto late = ticket_of(9);
  const auto refused = queue.enqueue(std::move(late), 2);
  REQUIRE(!refused.has_value());
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  Queue::Pulled pulled;
  EXPECT(queue.pull(base::monotonic_now, 0, pulled));
  EXPECT_EQ(ids_of(pulled.tickets), (Ids{0, 1}));
  EXPECT(queue.pull(base::monotonic_now, 0, pulled));
  EXPECT_EQ(ids_of(pulled.tickets), Ids{2});
  EXPECT(!queue.pull(base::monotonic_now, 0, pulled));
}

TEST(batching_queue, an_aborted_queue_gives_every_ticket_back) {
  Queue queue(settings_of(8));
  for (std::uint64_t id = 0; id < 6; ++id) {
    queue.enqueue(ticket_of(id, 1, static_cast<std::int64_t>(id % 3) + 1), 1).value();
  }
  Ids ids = ids_of(queue.abort());
  std::ranges::sort(ids);
  EXPECT_EQ(ids, (Ids{0, 1, 2, 3, 4, 5}));
  Queue::Pulled pulled;
  EXPECT(!queue.pull(base::monotonic_now, 0, pulled));
}

TEST(batching_queue, a_sleeping_instance_is_woken_by_a_ticket_and_by_closing) {
  Queue queue(settings_of(8));
  Ids got;
  std::thread instance([&] {
    Queue::Pulled pulled;
    while (queue.pull(base::monotonic_now, 0, pulled)) {
      for (const std::uint64_t id : ids_of(pulled.tickets)) got.push_back(id);
    }
  });
  for (std::uint64_t id = 0; id < 200; ++id) {
    queue.enqueue(ticket_of(id), base::monotonic_now()).value();
    while (queue.size() > 0) std::this_thread::yield();
  }
  queue.close();
  instance.join();
  EXPECT_EQ(got.size(), 200);
}

TEST(batching_queue, a_held_batch_wakes_its_instance_once_and_not_for_every_ticket) {
  static std::atomic<int> looks;  // pull() reads the clock whenever it looks at the queue
  looks = 0;
  Queue queue(settings_of(64, 60 * kSecond));
  Queue::Pulled pulled;
  std::thread instance(
      [&] { queue.pull([] { return ++looks, base::monotonic_now(); }, 0, pulled); });
  while (looks < 1) std::this_thread::yield();
  for (std::uint64_t id = 0; id < 64; ++id) {
    queue.enqueue(ticket_of(id), base::monotonic_now()).value();
    for (int i = 0; i < 50; ++i) std::this_thread::yield();
  }
  instance.join();
  EXPECT_EQ(pulled.tickets.size(), 64);
  // The first look, one to plan for the first ticket, one to cut; and a spurious one is allowed.
  EXPECT_LE(looks.load(), 4);
}

TEST(batching_queue, a_held_batch_goes_when_its_delay_is_over) {
  Queue queue(settings_of(8, 2 * kMillisecond));
  const Nanos begun = base::monotonic_now();
  queue.enqueue(ticket_of(1), begun).value();
  queue.enqueue(ticket_of(2), begun).value();
  Queue::Pulled pulled;
  EXPECT(queue.pull(base::monotonic_now, 0, pulled));
  EXPECT_EQ(ids_of(pulled.tickets), (Ids{1, 2}));
  EXPECT_LE(begun + 2 * kMillisecond, pulled.cut_ns);
}

TEST(batching_queue, it_remembers_how_long_batches_take_to_meet_deadlines) {
  Queue queue(settings_of(8, kSecond));
  queue.enqueue(ticket_of(1, 8), 0).value();
  Queue::Pulled pulled;
  EXPECT(queue.pull(FakeClock::now, 30 * kMillisecond, pulled));
  auto dated = ticket_of(2);
  dated->deadline_ns = 100 * kMillisecond;
  queue.enqueue(std::move(dated), 0).value();
  EXPECT_EQ(queue.try_pull(0, pulled), 70 * kMillisecond - batching::kWakeMarginNs);
}

TEST(batching_queue, many_shapes_at_a_time_are_kept_apart) {
  Queue queue(settings_of(4));
  for (std::uint64_t id = 0; id < 600; ++id) {
    queue.enqueue(ticket_of(id, 1, static_cast<std::int64_t>(id % 200)), Nanos(id)).value();
  }
  Ids all;
  for (Ids batch = pulled_at(queue, 1'000); !batch.empty(); batch = pulled_at(queue, 1'000)) {
    EXPECT_EQ(batch.size(), 3);
    for (const std::uint64_t id : batch) EXPECT_EQ(id % 200, batch[0] % 200);
    all.insert(all.end(), batch.begin(), batch.end());
  }
  EXPECT_EQ(all.size(), 600);
}

namespace {

// The queue as a line of the simulator.
class QueueLine {
 public:
  explicit QueueLine(const Scenario& scenario)
      : queue_({.model_name = "m", .timeout_action = scenario.action, .policy = scenario.policy}) {}

  void add(const Arrival& arrival, Nanos now) {
    std::vector<base::Tensor> inputs(1);
    inputs[0].shape = {arrival.rows, arrival.shape};
    auto ticket = ticket_with(arrival.id, std::move(inputs), arrival.rows);
    ticket->deadline_ns = arrival.deadline;
    ticket->queue_deadline_ns = arrival.queue_deadline;
    handles_[arrival.id] = queue_.enqueue(std::move(ticket), now).value().handle;
  }
  bool cancel(std::uint64_t id) { return queue_.cancel(handles_[id]) != nullptr; }
  Cut pull(Nanos now) {
    Queue::Pulled pulled;
    const Nanos until = queue_.try_pull(now, pulled);
    return {.batch = ids_of(pulled.tickets), .expired = ids_of(pulled.expired), .until = until};
  }

 private:
  Queue queue_;
  std::map<std::uint64_t, Handle> handles_;
};

bool same_pull(const LoggedPull& a, const LoggedPull& b) {
  Ids a_expired = a.cut.expired;
  Ids b_expired = b.cut.expired;
  std::ranges::sort(a_expired);
  std::ranges::sort(b_expired);
  const bool idle = a.cut.batch.empty() && a_expired.empty();
  return a.at == b.at && a.cut.batch == b.cut.batch && a_expired == b_expired &&
         (!idle || a.cut.until == b.cut.until);
}

}  // namespace

TEST(batching_queue, it_does_what_a_dull_list_does_in_two_thousand_simulated_lives) {
  for (std::uint64_t seed = 1; seed <= 2'000; ++seed) {
    const Scenario scenario = random_scenario(seed);
    DullLine dull(scenario);
    QueueLine line(scenario);
    const Log wanted = simulate(scenario, dull);
    const Log found = simulate(scenario, line);
    if (!std::ranges::equal(wanted.pulls, found.pulls, same_pull) || wanted.fates != found.fates ||
        !found.each_left_once) {
      EXPECT_EQ(seed, 0);  // names the scenario
      EXPECT_EQ(wanted.pulls.size(), found.pulls.size());
      return;
    }
  }
}

TEST(batching_queue, every_ticket_leaves_exactly_once_under_threads_cancels_and_deadlines) {
  constexpr std::uint64_t kSenders = 3;
  constexpr std::uint64_t kEach = 3'000;
  for (const Nanos delay_ns : {Nanos{0}, 200 * kMicrosecond}) {
    QueueSettings settings = settings_of(16, delay_ns);
    settings.tickets_max = 64;
    Queue queue(settings);
    std::vector<std::atomic<int>> left(kSenders * kEach);
    const auto leave = [&left](const Ticket& ticket) { ++left[ticket.reply.connection_id]; };

    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        Queue::Pulled pulled;
        while (queue.pull(base::monotonic_now, kMicrosecond, pulled)) {
          for (const auto& ticket : pulled.tickets) leave(*ticket);
          for (const auto& ticket : pulled.expired) leave(*ticket);
        }
      });
    }
    std::vector<std::thread> senders;
    for (std::uint64_t sender = 0; sender < kSenders; ++sender) {
      senders.emplace_back([&, sender] {
        std::mt19937_64 random(sender);
        for (std::uint64_t i = 0; i < kEach; ++i) {
          auto ticket = ticket_of(sender * kEach + i, 1 + static_cast<std::int64_t>(random() % 3),
                                  1 + static_cast<std::int64_t>(random() % 2));
          const Nanos now = base::monotonic_now();
          if (random() % 4 == 0) ticket->deadline_ns = now + 1 + Nanos(random() % 300'000);
          const auto place = queue.enqueue(std::move(ticket), now);
          if (!place) {
            leave(*ticket);
          } else if (random() % 4 == 0) {
            if (const auto back = queue.cancel(place->handle)) leave(*back);
          }
        }
      });
    }
    for (std::thread& sender : senders) sender.join();
    queue.close();
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(queue.size(), 0);
    EXPECT(std::ranges::all_of(left, [](const auto& times) { return times == 1; }));
  }
}
