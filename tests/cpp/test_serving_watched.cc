// SPDX-License-Identifier: Apache-2.0
// Versions whose rows are counted: which requests are, and under which key.
#include <memory>
#include <numeric>
#include <string>

#include "drift_rows.h"
#include "harness.h"
#include "serving_doubles.h"

namespace penstock::testing {
namespace {

using drift::Reading;
using serving::Lane;
using Link = FrontRig::Link;

// Which of 0, 1 and 2 the first element of x and of y is.
std::vector<drift::ColumnSpec> x_and_y() {
  auto y = column("y", Reading::kNumber, 0, {0.5F, 1.5F});
  y.is_output = true;
  return {column("x", Reading::kNumber, 0, {0.5F, 1.5F}), y};
}
constexpr std::size_t kPlaces = 5;  // of each

std::shared_ptr<drift::Watch> watch(FrontRig& rig, serving::Version& version,
                                    const drift::WatchOptions& options = {}) {
  auto watch = *rig.drift->open_watch(plan_of(x_and_y(), version.signature()), options);
  version.set_tap(watch->tap());
  return watch;
}

// A route of "m" whose only arm is `version`.
void set_route(FrontRig& rig, routing::KeySource source, std::string name) {
  routing::RouteSpec spec;
  spec.name = "m";
  spec.sticky = {.source = source, .name = std::move(name)};
  routing::Arm& arm = spec.arms.emplace_back();
  arm.name = "only";
  arm.model = "m";
  arm.version = "1";
  arm.intervals = {{0, routing::kBucketCount}};
  auto table = std::make_shared<serving::RouteTable>(*rig.routes.latest());
  table->set(std::make_shared<const serving::RoutedModel>(serving::RoutedModel{
      .route = *routing::Route::make(std::move(spec)), .trial = nullptr, .epoch = 0}));
  rig.routes.publish(std::move(table));
}

base::Result<> one_more(const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
  outputs.assign(batch.inputs.begin(), batch.inputs.end());
  const base::Buffer block = base::Buffer::allocate(outputs[0].bytes.bytes.size());
  for (std::size_t at = 0; at < block.size(); at += sizeof(float)) {
    float value = 0;
    std::memcpy(&value, outputs[0].bytes.bytes.data() + at, sizeof value);
    value += 1;
    std::memcpy(block.data() + at, &value, sizeof value);
  }
  outputs[0].bytes = {block, block.bytes()};
  return {};
}

base::Result<> fails_twos(const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
  float value = 0;
  std::memcpy(&value, batch.inputs[0].bytes.bytes.data(), sizeof value);
  if (value == 2) return base::fail(base::Code::kInternal, "broken");
  return echo_batch(batch, outputs);
}

std::uint64_t left(const drift::Counts& counts, drift::Left why) {
  return counts.left[static_cast<std::size_t>(why)];
}

// Two outputs, "y" and "z", of which it gives none that the request did not ask for.
base::Signature x_to_y_and_z() {
  base::Signature signature = x_to_y();
  signature.outputs.push_back(signature.outputs.front());
  signature.outputs.back().name = "z";
  return signature;
}
base::Result<> echo_without_z(const model::ExecutorBatch& batch, std::vector<base::Tensor>&) {
  const base::Tensor absent{
      .dtype = base::DType::kFp32, .shape = {}, .bytes = {}, .is_present = false};
  batch.answers->push_back(std::vector<base::Tensor>{batch.inputs[0], absent});
  return {};
}

}  // namespace

TEST(serving_watched, an_output_that_was_not_asked_for_is_not_counted_as_missing) {
  FrontRig rig;
  const auto version =
      rig.serve({.name = "m", .lane = Lane::kInline}, x_to_y_and_z(), echo_without_z);
  auto z = column("z", Reading::kNumber, 0, {0.5F});
  z.is_output = true;
  std::vector<drift::ColumnSpec> columns = x_and_y();
  columns.push_back(z);
  const auto watched =
      *rig.drift->open_watch(plan_of(std::move(columns), version->signature()), {});
  version->set_tap(watched->tap());
  Link& link = rig.connect();
  const std::int32_t id = link.infer(infer_x("m", {1}, sized_field(6, sized_field(1, "y"))));
  rig.await(link, id);
  EXPECT_EQ(link.status(id), "0");
  const auto counts = *rig.drift->take(*watched, true);
  EXPECT_EQ(counts.shown, (std::vector<std::uint32_t>{0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}));
}

TEST(serving_watched, every_row_that_was_answered_is_counted_or_told_as_left) {
  FrontRig rig;
  const auto version = rig.serve({.name = "m", .lane = Lane::kInline}, x_to_y(), fails_twos);
  const auto watched = watch(rig, *version, {.share = 0.8});
  set_route(rig, routing::KeySource::kHeader, "user");
  Link& link = rig.connect();
  std::uint64_t answered = 0;
  std::uint64_t counted = 0;
  std::uint64_t capped = 0;
  drift::LeftRows sums{};
  const auto take = [&] {
    const auto counts = *rig.drift->take(*watched, true);
    counted += counts.rows;
    capped += counts.capped_rows;
    for (std::size_t why = 0; why < sums.size(); ++why) sums[why] += counts.left[why];
  };
  for (int i = 0; i < 600; ++i) {
    const std::string own = sized_field(3, "id " + std::to_string(i));
    const std::int32_t id = link.infer(infer_x("m", {i % 10 == 0 ? 2.0F : 1.0F}, own),
                                       {{"user", "user " + std::to_string(i / 20)}});
    rig.await(link, id);
    if (link.status(id) == "0") ++answered;
    if (i % 200 == 0) take();
  }
  take();
  EXPECT_EQ(counted + capped + std::accumulate(sums.begin(), sums.end(), std::uint64_t{0}),
            answered);
  EXPECT(counted > 0);
  EXPECT(capped > 0);
  EXPECT(sums[static_cast<std::size_t>(drift::Left::kUnsampled)] > 0);
}

TEST(serving_watched, rows_are_counted_with_their_answers_on_either_lane) {
  for (const Lane lane : {Lane::kInline, Lane::kBatch}) {
    FrontRig rig;
    const auto version = rig.serve({.name = "m", .lane = lane}, x_to_y(), one_more);
    const auto watched = watch(rig, *version);
    Link& link = rig.connect();
    for (const float value : {0.0F, 1.0F, 1.0F}) {
      const std::int32_t id = link.infer(infer_x("m", {value}));
      rig.await(link, id);
      EXPECT_EQ(link.status(id), "0");
    }
    const auto counts = *rig.drift->take(*watched, true);
    EXPECT_EQ(counts.requests, 3);
    EXPECT_EQ(counts.shown, (std::vector<std::uint32_t>{1, 2, 0, 0, 0, 0, 1, 2, 0, 0}));
  }
}

TEST(serving_watched, what_failed_or_was_refused_is_not_counted) {
  FrontRig rig;
  const auto version = rig.serve({.name = "m", .lane = Lane::kInline}, x_to_y(), fails_twos);
  const auto watched = watch(rig, *version);
  Link& link = rig.connect();
  rig.await(link, link.infer(infer_x("m", {1})));
  rig.await(link, link.infer(infer_x("m", {2})));
  rig.await(link, link.infer("no message"));
  EXPECT_EQ(rig.drift->take(*watched, true)->requests, 1);
}

TEST(serving_watched, a_watch_may_be_replaced_while_a_request_is_under_way) {
  Strings strings;
  FrontRig rig;
  const auto version =
      rig.serve({.name = "m", .lane = Lane::kBatch}, x_to_y(),
                [&](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
                  strings.pass();
                  return echo_batch(batch, outputs);
                });
  auto before = watch(rig, *version);
  Link& link = rig.connect();
  const std::int32_t first = link.infer(infer_x("m", {1}));
  rig.settle();
  strings.wait_until_begun(1);
  const auto after = watch(rig, *version);
  strings.let_all_go();
  rig.await(link, first);
  rig.await(link, link.infer(infer_x("m", {1})));
  EXPECT_EQ(rig.drift->take(*before, true)->requests, 0);
  const auto counts = *rig.drift->take(*after, true);
  EXPECT_EQ(counts.requests, 1);
  EXPECT_EQ(left(counts, drift::Left::kReplaced), 1);
  before.reset();
  version->set_tap(nullptr);
  rig.await(link, link.infer(infer_x("m", {1})));
  EXPECT_EQ(rig.drift->take(*after, true)->requests, 0);
}

TEST(serving_watched, rows_of_a_route_s_key_are_capped_and_an_id_is_no_key) {
  FrontRig rig;
  const auto version = rig.serve({.name = "m", .lane = Lane::kInline}, x_to_y());
  const auto watched = watch(rig, *version);
  Link& link = rig.connect();
  const auto ask = [&](int requests, const std::string& user, std::string_view more = {}) {
    for (int i = 0; i < requests; ++i) {
      rig.await(link, link.infer(infer_x("m", {1}, more), {{"user", user}}));
    }
  };
  set_route(rig, routing::KeySource::kHeader, "user");
  ask(15, "a");
  ask(5, "b");
  auto counts = *rig.drift->take(*watched, true);
  EXPECT_EQ(counts.rows, 15);
  EXPECT_EQ(counts.capped_rows, 5);
  EXPECT_EQ(counts.tested_rows, 2);
  set_route(rig, routing::KeySource::kRequestId, "");
  ask(15, "a", sized_field(3, "the same id"));
  counts = *rig.drift->take(*watched, true);
  EXPECT_EQ(counts.rows, 15);
  EXPECT_EQ(counts.tested_rows, 15);
}

TEST(serving_watched, what_a_canary_failed_is_counted_where_it_was_answered) {
  FrontRig rig;
  const auto stable = rig.serve({.name = "m", .number = 1, .lane = Lane::kInline}, x_to_y());
  const auto canary = rig.serve({.name = "m", .number = 2, .lane = Lane::kInline}, x_to_y(),
                                [](const model::ExecutorBatch&, std::vector<base::Tensor>&) {
                                  return base::fail(base::Code::kInternal, "broken");
                                });
  const base::EventFd wake = *base::EventFd::open();
  const std::shared_ptr<serving::Trial> trial = *serving::Trial::open({.retries = true}, 1, wake);
  EXPECT(trial->begin_epoch(0, {.bp = {5000, 0, 5000}}));
  routing::RouteSpec spec;
  spec.name = "m";
  for (const bool is_canary : {false, true}) {
    routing::Arm& arm = spec.arms.emplace_back();
    arm.name = is_canary ? "canary" : "stable";
    arm.model = "m";
    arm.version = is_canary ? "2" : "1";
    arm.role = is_canary ? routing::Role::kCanary : routing::Role::kStable;
    arm.intervals = {is_canary ? routing::Interval{5000, 10'000} : routing::Interval{0, 5000}};
  }
  auto table = std::make_shared<serving::RouteTable>();
  table->set(std::make_shared<const serving::RoutedModel>(serving::RoutedModel{
      .route = *routing::Route::make(std::move(spec)), .trial = trial, .epoch = 0}));
  rig.routes.publish(std::move(table));
  const auto of_stable = watch(rig, *stable);
  const auto of_canary = watch(rig, *canary);
  Link& link = rig.connect();
  for (int i = 0; i < 40; ++i) {
    const std::int32_t id =
        link.infer(infer_x("m", {1}, sized_field(3, "id " + std::to_string(i))));
    rig.await(link, id);
    EXPECT_EQ(link.status(id), "0");
  }
  EXPECT(trial->counts().retried > 0);
  EXPECT_EQ(rig.drift->take(*of_stable, true)->shown[1], 40);
  EXPECT_EQ(rig.drift->take(*of_canary, true)->requests, 0);
}

TEST(serving_watched, a_share_of_requests_is_watched_by_their_ids_or_by_chance) {
  FrontRig rig;
  const auto version = rig.serve({.name = "m", .lane = Lane::kInline}, x_to_y());
  const auto watched = watch(rig, *version, {.share = 0.5});
  Link& link = rig.connect();
  std::vector<std::uint64_t> rows;
  for (const bool has_id : {true, true, false}) {
    for (int i = 0; i < 200; ++i) {
      const std::string id = has_id ? sized_field(3, "id " + std::to_string(i)) : "";
      rig.await(link, link.infer(infer_x("m", {1}, id)));
    }
    rows.push_back(rig.drift->take(*watched, true)->rows);
    EXPECT(rows.back() > 60 && rows.back() < 140);
  }
  EXPECT_EQ(rows[0], rows[1]);
}

}  // namespace penstock::testing
