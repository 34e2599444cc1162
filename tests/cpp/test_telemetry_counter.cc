// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "harness.h"
#include "telemetry/counter.h"
#include "telemetry/model_metrics.h"
#include "telemetry/server_metrics.h"

namespace penstock::telemetry {
namespace {

TEST(telemetry_counter, it_counts_and_can_be_set) {
  Counter counter;
  EXPECT_EQ(counter.value(), 0);
  counter.add(2);
  counter.add(3);
  EXPECT_EQ(counter.value(), 5);
  counter.set(7);
  EXPECT_EQ(counter.value(), 7);
}

TEST(telemetry_counter, shards_share_no_cache_line) {
  ModelMetrics model(2);
  for (std::size_t thread = 0; thread < 2; ++thread) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&model.shard(thread)) % kCacheLineBytes, 0);
  }
  EXPECT_EQ(sizeof(ModelShard) % kCacheLineBytes, 0);
  EXPECT_EQ(sizeof(ServerShard) % kCacheLineBytes, 0);
}

// Under ThreadSanitizer this is the proof that reading needs no lock.
TEST(telemetry_counter, every_thread_counts_in_its_shard_while_another_reads) {
  constexpr std::size_t kThreads = 3;
  constexpr std::uint64_t kRounds = 20'000;
  ModelMetrics model(kThreads, 4);
  ServerMetrics server(kThreads);
  std::atomic<std::size_t> finished = 0;
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      ModelShard& shard = model.shard(thread);
      for (std::uint64_t i = 0; i < kRounds; ++i) {
        shard.record_success({.request_ns = 2000, .queue_ns = 1000});
        shard.record_batch({.rows = 1 + i % 6}, i);
        server.shard(thread).record_answer(base::Code::kOk);
      }
      finished.fetch_add(1);
    });
  }
  std::uint64_t seen = 0;
  bool only_rises = true;
  do {
    const ModelCounts counts = model.counts();
    const BatchSizeTable sizes = model.batch_sizes();
    only_rises = only_rises && counts.success >= seen && sizes.size() <= 5;
    seen = counts.success;
  } while (finished.load() < kThreads);
  for (std::thread& thread : threads) thread.join();
  EXPECT(only_rises);
  const ModelCounts counts = model.counts();
  EXPECT_EQ(counts.success, kThreads * kRounds);
  EXPECT_EQ(counts.inferences, kThreads * kRounds);
  EXPECT_EQ(counts.batches, kThreads * kRounds);
  EXPECT_EQ(counts.request.sum, kThreads * kRounds * 2000);
  std::uint64_t executions = 0;
  for (const auto& [rows, size] : model.batch_sizes()) executions += size.count;
  EXPECT_EQ(executions, kThreads * kRounds);
  const ServerCounts answered = server.counts();
  EXPECT_EQ(answered.answers[0], kThreads * kRounds);
}

}  // namespace
}  // namespace penstock::telemetry
