// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "agreement_recount.h"
#include "harness.h"
#include "shadow_doubles.h"

namespace penstock::testing {
namespace {

using serving::Lane;
using serving::ShadowDrop;

base::Result<> fail_batch(const model::ExecutorBatch&, std::vector<base::Tensor>&) {
  return base::fail(base::Code::kInternal, "it broke");
}

// Every value and a little more where the value is above a half.
base::Result<> answer_nearly(const model::ExecutorBatch& batch,
                             std::vector<base::Tensor>& outputs) {
  std::vector<float> values = values_of(batch.inputs[0]);
  for (float& value : values) value += value > 0.5F ? 0.25F : 1e-7F;
  outputs.push_back(floats(batch.inputs[0].shape, values));
  return {};
}

base::Error broken() { return {base::Code::kInternal, "the primary broke"}; }

}  // namespace

TEST(serving_shadow_desk, a_copy_is_executed_and_its_answer_compared_on_either_lane) {
  DeskRig rig;
  rig.load_inline("inline");
  rig.load_batch("batch");
  rig.desk->start();
  for (const std::string model : {"inline", "batch"}) {
    const auto shadow = rig.shadow_of(model);
    EXPECT(rig.offer(shadow, {1, 2}, std::vector<float>{1, 2}));
    EXPECT(rig.offer(shadow, {1, 2}, std::vector<float>{1, 3}));
    const auto counts = rig.settle(*shadow);
    EXPECT_EQ(counts.offered, 2);
    EXPECT_EQ(counts.compared, 2);
    EXPECT_EQ(counts.agreed, 1);
    REQUIRE(counts.outputs.size() == 1);
    EXPECT_EQ(counts.outputs[0].name, "y");
    EXPECT_EQ(counts.outputs[0].agreement.within, 3);
  }
}

TEST(serving_shadow_desk, agreement_is_what_an_offline_recount_finds_whatever_the_lane) {
  DeskRig rig;
  rig.load_inline("inline", answer_nearly);
  rig.load_batch("batch", answer_nearly);
  rig.desk->start();
  std::mt19937 random(3);
  std::uniform_real_distribution<float> uniform(0, 1);
  for (const std::string model : {"inline", "batch"}) {
    const auto shadow = rig.shadow_of(model);
    judging::OutputAgreement plain;
    for (int i = 0; i < 300; ++i) {
      const std::vector<float> row = {uniform(random), uniform(random)};
      std::vector<float> other = row;
      for (float& value : other) value += value > 0.5F ? 0.25F : 1e-7F;
      std::vector<std::uint8_t> rows(1, 1);
      recount(floats({1, 2}, row), floats({1, 2}, other), {}, rows, plain);
      while (!rig.offer(shadow, row, row)) {
      }
      if (i % 7 == 0) rig.desk->flush(0);
    }
    const auto counts = rig.settle(*shadow);
    EXPECT_EQ(dropped(counts), 0);
    EXPECT_EQ(counts.compared, 300);
    EXPECT_EQ(counts.agreed, plain.agreed);
    const judging::OutputAgreement& found = counts.outputs.at(0).agreement;
    EXPECT_EQ(found.elements, plain.elements);
    EXPECT_EQ(found.within, plain.within);
    EXPECT_EQ(found.identical, plain.identical);
    EXPECT(found.absolute == plain.absolute);
    EXPECT(found.relative == plain.relative);
    EXPECT(found.ulps == plain.ulps);
    EXPECT_EQ(found.argmax_agreed, plain.argmax_agreed);
  }
}

TEST(serving_shadow_desk, the_request_s_bytes_are_not_copied_for_it) {
  DeskRig rig;
  std::atomic<const std::byte*> seen = nullptr;
  rig.load_inline("model",
                  [&](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
                    seen = batch.inputs[0].bytes.bytes.data();
                    return echo_batch(batch, outputs);
                  });
  rig.desk->start();
  const auto shadow = rig.shadow_of("model");
  auto mirror = rig.mirror(shadow, {1}, std::vector<float>{1});
  const std::byte* const sent = mirror->inputs[0].bytes.bytes.data();
  EXPECT(rig.desk->offer(0, *rig.primary, std::move(mirror)));
  rig.settle(*shadow);
  EXPECT_EQ(seen.load(), sent);
}

TEST(serving_shadow_desk, what_a_copy_kept_alive_is_freed_by_its_io_thread) {
  DeskRig rig;
  rig.load_inline("model");
  const auto shadow = rig.shadow_of("model");
  const std::size_t large =
      base::Buffer::kPooledBytesMin * 4;  // so that its block goes to the pool
  EXPECT(rig.offer(shadow, std::vector<float>(large / sizeof(float)), std::vector<float>{1}));
  base::Buffer::trim_pool();
  rig.desk->start();  // it looks by itself once, so that no flush() is needed yet
  while (shadow->counts().compared == 0) std::this_thread::yield();
  EXPECT_EQ(base::Buffer::trim_pool(), 0);
  rig.come_home();
  EXPECT(base::Buffer::trim_pool() >= large);
}

TEST(serving_shadow_desk, who_failed_is_counted_by_which_of_both_it_was) {
  DeskRig rig;
  rig.load_inline("good");
  rig.load_batch("bad", fail_batch);
  rig.desk->start();
  const auto good = rig.shadow_of("good");
  const auto bad = rig.shadow_of("bad");
  EXPECT(rig.offer(good, {1}, std::unexpected(broken())));
  EXPECT(rig.offer(bad, 1));
  EXPECT(rig.offer(bad, {1}, std::unexpected(broken())));
  const auto of_good = rig.settle(*good);
  EXPECT_EQ(of_good.discordant_primary, 1);
  EXPECT_EQ(of_good.compared, 0);
  const auto of_bad = rig.settle(*bad);
  EXPECT_EQ(of_bad.discordant_shadow, 1);
  EXPECT_EQ(of_bad.both_failed, 1);
  EXPECT_EQ(of_bad.compared, 0);
}

TEST(serving_shadow_desk, a_shadow_that_is_not_loaded_or_takes_other_inputs_is_counted) {
  DeskRig rig;
  rig.load({.name = "other", .lane = Lane::kInline},
           {.inputs = {{.name = "z", .dtype = base::DType::kFp32, .dims = {-1}}},
            .outputs = {{.name = "y", .dtype = base::DType::kFp32, .dims = {-1}}},
            .batch_rows_max = 8});
  rig.desk->start();
  const auto nowhere = rig.shadow_of("nowhere");
  const auto other = rig.shadow_of("other");
  EXPECT(rig.offer(nowhere));
  EXPECT(rig.offer(other));
  EXPECT_EQ(dropped(rig.settle(*nowhere), ShadowDrop::kMissing), 1);
  EXPECT_EQ(dropped(rig.settle(*other), ShadowDrop::kUnfit), 1);
}

TEST(serving_shadow_desk, what_its_version_s_queue_refuses_is_dropped_and_no_failure) {
  Strings strings;
  DeskRig rig;
  serving::Version::Options options{.name = "model", .lane = Lane::kBatch};
  options.queue.tickets_max = 2;
  rig.load(options, x_to_y(1),
           [&](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
             strings.pass();
             return echo_batch(batch, outputs);
           });
  rig.desk->start();
  const auto shadow = rig.shadow_of("model");
  EXPECT(rig.offer(shadow));
  rig.desk->flush(0);
  strings.wait_until_begun(1);
  for (int i = 0; i < 5; ++i) EXPECT(rig.offer(shadow));
  rig.desk->flush(0);
  while (dropped(shadow->counts(), ShadowDrop::kRefused) < 3) std::this_thread::yield();
  strings.let_all_go();
  const auto counts = rig.settle(*shadow);
  EXPECT_EQ(counts.agreed, 3);
  EXPECT_EQ(counts.discordant_shadow, 0);
  EXPECT_EQ(dropped(counts, ShadowDrop::kRefused), 3);
}

TEST(serving_shadow_desk, more_copies_than_may_be_under_way_are_dropped) {
  DeskRig rig;  // its desk does not run
  const auto shadow = rig.shadow_of("primary");
  for (std::size_t i = 0; i < serving::kMirrorsMax; ++i) EXPECT(rig.offer(shadow));
  EXPECT(!rig.offer(shadow));
  EXPECT_EQ(dropped(shadow->counts(), ShadowDrop::kFull), 1);
  EXPECT_EQ(shadow->counts().offered, serving::kMirrorsMax + 1);
  rig.desk->start();
  EXPECT_EQ(rig.settle(*shadow).compared + dropped(shadow->counts(), ShadowDrop::kBusy),
            serving::kMirrorsMax);
  rig.come_home();
  EXPECT(rig.offer(shadow));
}

TEST(serving_shadow_desk, more_bytes_than_may_be_kept_alive_are_dropped) {
  DeskRig rig;
  const auto shadow = rig.shadow_of("primary");
  const base::Buffer block = base::Buffer::allocate(serving::kMirrorBytesMax * 3 / 4);
  const base::Buffer other = base::Buffer::allocate(serving::kMirrorBytesMax / 2);
  const auto offer = [&](const base::Buffer& owner) {
    auto mirror = rig.mirror(shadow, {1}, std::unexpected(broken()));
    for (int i = 0; i < 3; ++i) {  // parts of one block count once
      mirror->inputs.push_back(floats({1}, {1}));
      mirror->inputs.back().bytes = {owner, owner.bytes().first(4)};
    }
    return rig.desk->offer(0, *rig.primary, std::move(mirror));
  };
  EXPECT(offer(block));
  EXPECT(!offer(other));
  EXPECT_EQ(dropped(shadow->counts(), ShadowDrop::kBytes), 1);
  rig.desk->start();
  rig.come_home();
  EXPECT(offer(other));
}

TEST(serving_shadow_desk, a_primary_with_a_line_of_its_own_has_nothing_to_spare) {
  Strings strings;
  DeskRig rig;
  const auto busy =
      rig.load({.name = "busy", .lane = Lane::kBatch}, x_to_y(2),
               [&](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
                 strings.pass();
                 return echo_batch(batch, outputs);
               });
  const auto shadow = rig.shadow_of("primary");
  const auto offer = [&] {
    return rig.desk->offer(0, *busy, rig.mirror(shadow, {1}, std::vector<float>{1}));
  };
  const auto ask = [&] {
    auto ticket = ticket_of(1, 1, 1);
    ticket->reply.io_thread = 99;
    EXPECT(busy->batcher().enqueue(std::move(ticket), base::monotonic_now()).has_value());
  };
  ask();
  strings.wait_until_begun(1);
  ask();
  ask();
  EXPECT(offer());  // they wait for the next batch
  ask();
  EXPECT(!offer());
  EXPECT_EQ(dropped(shadow->counts(), ShadowDrop::kBackedUp), 1);
  strings.let_all_go();
}

TEST(serving_shadow_desk, a_shadow_that_hangs_holds_its_own_copies_and_no_others) {
  Strings strings;
  DeskRig rig;
  rig.load_batch("hangs",
                 [&](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
                   strings.pass();
                   return echo_batch(batch, outputs);
                 });
  rig.load_inline("works");
  rig.desk->start();
  const auto hangs = rig.shadow_of("hangs");
  const auto works = rig.shadow_of("works");
  const std::size_t held = serving::kShadowInFlightMax + serving::kShadowLineMax;
  for (std::size_t i = 0; i < held + 10; ++i) {
    EXPECT(rig.offer(hangs));
    if (i % 16 == 0) rig.desk->flush(0);
  }
  rig.desk->flush(0);
  EXPECT(rig.offer(works));
  EXPECT_EQ(rig.settle(*works).agreed, 1);
  strings.let_all_go();
  const auto counts = rig.settle(*hangs);
  EXPECT_EQ(counts.agreed + dropped(counts, ShadowDrop::kBusy), held + 10);
  EXPECT(counts.agreed >= serving::kShadowLineMax && counts.agreed <= held);
}

TEST(serving_shadow_desk, a_version_may_be_taken_away_while_another_hangs_on_the_desk) {
  Strings strings;
  DeskRig rig;
  rig.load_inline("hangs",
                  [&](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
                    strings.pass();
                    return echo_batch(batch, outputs);
                  });
  const auto version = rig.load_inline("model");
  rig.desk->start();
  const auto shadow = rig.shadow_of("hangs");
  EXPECT(rig.offer(shadow));
  rig.desk->flush(0);
  strings.wait_until_begun(1);
  const std::uint64_t number = rig.put("model", {.number = 1, .version = nullptr, .failure = {}});
  EXPECT(rig.versions.is_seen_by_all(number));
  version->retire([] { return false; });
  EXPECT_EQ(version->calls(), 0);
  strings.let_all_go();
  EXPECT_EQ(rig.settle(*shadow).agreed, 1);
}

TEST(serving_shadow_desk, a_shadow_s_version_is_retired_when_its_copies_are_answered) {
  Strings strings;
  DeskRig rig;
  const auto version = rig.load_batch(
      "model", [&](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
        strings.pass();
        return echo_batch(batch, outputs);
      });
  rig.desk->start();
  const auto shadow = rig.shadow_of("model");
  for (int i = 0; i < 20; ++i) EXPECT(rig.offer(shadow));
  rig.desk->flush(0);
  strings.wait_until_begun(1);
  rig.put("model", {.number = 1, .version = nullptr, .failure = {}});
  EXPECT(version->calls() > 0);
  strings.let_all_go();
  version->retire([] { return false; });
  EXPECT_EQ(version->calls(), 0);
  EXPECT(rig.offer(shadow));
  const auto counts = rig.settle(*shadow);
  EXPECT(dropped(counts, ShadowDrop::kMissing) >= 1);
  EXPECT_EQ(counts.agreed + dropped(counts), 21);
}

TEST(serving_shadow_desk, it_stops_while_a_shadow_hangs) {
  Strings strings;
  DeskRig rig;
  const auto version = rig.load_batch(
      "hangs", [&](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
        strings.pass();
        return echo_batch(batch, outputs);
      });
  rig.desk->start();
  const auto shadow = rig.shadow_of("hangs");
  for (int i = 0; i < 20; ++i) EXPECT(rig.offer(shadow));
  rig.desk->flush(0);
  strings.wait_until_begun(1);
  rig.desk->stop();
  strings.let_all_go();
  version->retire([] { return true; });  // and what it delivers now is let lie
  EXPECT_EQ(shadow->counts().compared, 0);
}

TEST(serving_shadow_desk, an_io_thread_is_woken_for_its_memory_only_while_copies_are_under_way) {
  DeskRig rig;
  EXPECT_EQ(rig.desk->next_wake(0, 5), base::kNever);
  const auto shadow = rig.shadow_of("primary");
  EXPECT(rig.offer(shadow));
  EXPECT(rig.desk->next_wake(0, 5) < base::kNever);
  rig.desk->start();
  rig.come_home();
  EXPECT_EQ(shadow->counts().agreed, 1);
}

TEST(serving_shadow_desk, several_shadows_take_copies_of_one_request) {
  DeskRig rig;
  rig.load_inline("a");
  rig.load_batch("b", answer_nearly);
  rig.desk->start();
  std::vector<std::shared_ptr<serving::Shadow>> shadows = {rig.shadow_of("a"), rig.shadow_of("b")};
  const auto input = floats({1, 1}, {0.75F});
  for (const auto& shadow : shadows) {
    auto mirror = rig.desk->spare(0);
    mirror->shadow = shadow;
    mirror->inputs = {input};
    mirror->outputs->push_back(input);
    EXPECT(rig.desk->offer(0, *rig.primary, std::move(mirror)));
  }
  EXPECT_EQ(rig.settle(*shadows[0]).agreed, 1);
  EXPECT_EQ(rig.settle(*shadows[1]).agreed, 0);
}

TEST(serving_shadow_desk, latency_is_compared_where_both_batches_had_about_as_many_rows) {
  DeskRig rig;
  rig.load_batch("model");
  rig.desk->start();
  const auto shadow = rig.shadow_of("model");
  const auto offer = [&](std::int64_t batch_rows) {
    auto mirror = rig.mirror(shadow, {1}, std::vector<float>{1});
    mirror->batch_rows = batch_rows;
    EXPECT(rig.desk->offer(0, *rig.primary, std::move(mirror)));
    rig.settle(*shadow);
  };
  const auto counted = [&] {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : shadow->counts().latency_ratio) sum += count;
    return sum;
  };
  offer(3);
  EXPECT_EQ(counted(), 0);
  offer(2);
  EXPECT_EQ(counted(), 1);
}

}  // namespace penstock::testing
