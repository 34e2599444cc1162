// SPDX-License-Identifier: Apache-2.0
// Models that are routes: which version answers, and what a trial learns of it.
#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "harness.h"
#include "serving/front.h"
#include "serving_doubles.h"

namespace penstock::testing {
namespace {

using base::Code;
using routing::Role;
using serving::Lane;
using serving::Trial;
using Link = FrontRig::Link;

constexpr std::uint64_t kSalt = 7;

routing::RouteSpec three_arms(std::uint32_t canary_bp, std::uint32_t control_bp) {
  routing::RouteSpec spec;
  spec.name = "m";
  spec.sticky = {.source = routing::KeySource::kHeader, .name = "user"};
  spec.salt = kSalt;
  const auto arm = [&spec](std::string name, std::string version, Role role,
                           std::vector<routing::Interval> intervals) {
    routing::Arm& made = spec.arms.emplace_back();
    made.name = std::move(name);
    made.model = "m";
    made.version = std::move(version);
    made.role = role;
    for (const routing::Interval& one : intervals) {
      if (one.begin < one.end) made.intervals.push_back(one);
    }
  };
  const std::uint32_t middle = std::max(5000U, canary_bp);
  arm("stable", "1", Role::kStable,
      {{canary_bp, middle}, {middle + control_bp, routing::kBucketCount}});
  arm("control", "1", Role::kControl, {{middle, middle + control_bp}});
  arm("canary", "2", Role::kCanary, {{0, canary_bp}});
  return spec;
}

// A rig whose model "m" has versions 1 and 2 and a trial of 2.
struct TrialRig {
  FrontRig rig;
  base::EventFd wake = *base::EventFd::open();
  std::shared_ptr<Trial> trial;
  Behaviour canary = echo_batch;
  Link* link = nullptr;

  explicit TrialRig(serving::TrialOptions options = {}, Lane lane = Lane::kInline,
                    std::uint32_t canary_bp = 5000, std::uint32_t control_bp = 5000) {
    rig.serve({.name = "m", .number = 1, .lane = lane}, x_to_y());
    rig.serve({.name = "m", .number = 2, .lane = lane}, x_to_y(),
              [this](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
                return canary(batch, outputs);
              });
    trial = *Trial::open(std::move(options), 1, wake);
    begin(0, canary_bp, control_bp);
    link = &rig.connect();
  }
  void begin(std::uint32_t epoch, std::uint32_t canary_bp, std::uint32_t control_bp) {
    EXPECT(trial->begin_epoch(
        epoch, {.bp = {routing::kBucketCount - canary_bp - control_bp, control_bp, canary_bp}}));
    set(three_arms(canary_bp, control_bp), epoch);
  }
  void set(routing::RouteSpec spec, std::uint32_t epoch = 0) {
    auto table = std::make_shared<serving::RouteTable>(*rig.routes.latest());
    table->set(std::make_shared<const serving::RoutedModel>(serving::RoutedModel{
        .route = *routing::Route::make(std::move(spec)), .trial = trial, .epoch = epoch}));
    rig.routes.publish(std::move(table));
  }
  std::int32_t infer(const std::string& user, std::string_view more = {}, float value = 1.0F) {
    const std::int32_t id = link->infer(infer_x("m", {value}, more), {{"user", user}});
    rig.await(*link, id);
    return id;
  }
  std::string version_of(std::int32_t id) { return proto_values(link->reply(id), 2).at(0); }
  // The name of the arm, in the answer's parameters.
  std::string arm_of(std::int32_t id) {
    const auto parameters = proto_values(link->reply(id), 4);
    if (parameters.empty()) return "none";
    EXPECT_EQ(proto_values(parameters[0], 1).at(0), "penstock_arm");
    return proto_values(proto_values(parameters[0], 2).at(0), 3).at(0);
  }
  // The first user, of those called u0, u1, ..., whose bucket the route gives to this arm.
  static std::string user_of(const routing::RouteSpec& spec, std::string_view arm,
                             int skipped = 0) {
    const auto route = routing::Route::make(spec);
    for (int i = 0;; ++i) {
      const std::string user = "u" + std::to_string(i);
      const auto picked = routing::pick(*route, {.key = user}, false);
      if (route->arm(picked.arm).name == arm && skipped-- == 0) return user;
    }
  }
};

base::Result<> fails(const model::ExecutorBatch&, std::vector<base::Tensor>&) {
  return base::fail(Code::kInternal, "broken");
}

base::Result<> gives_nan(const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
  outputs.assign(batch.inputs.begin(), batch.inputs.end());
  const base::Buffer block = base::Buffer::allocate(outputs[0].bytes.bytes.size());
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (std::size_t at = 0; at < block.size(); at += sizeof nan) {
    std::memcpy(block.data() + at, &nan, sizeof nan);
  }
  outputs[0].bytes = {block, block.bytes()};
  return {};
}

}  // namespace

TEST(serving_routed, a_key_gets_the_arm_that_the_picker_says_and_the_answer_tells_it) {
  TrialRig trial({}, Lane::kInline, 2000, 2000);
  const auto route = routing::Route::make(three_arms(2000, 2000));
  std::map<std::string, int> arms;
  for (int i = 0; i < 200; ++i) {
    const std::string user = "user " + std::to_string(i);
    const routing::Arm& arm = route->arm(routing::pick(*route, {.key = user}, false).arm);
    const std::int32_t id = trial.infer(user);
    EXPECT_EQ(trial.arm_of(id), arm.name);
    EXPECT_EQ(trial.version_of(id), arm.version);
    ++arms[arm.name];
  }
  EXPECT_EQ(arms.size(), 3);
  const serving::TrialCounts counts = trial.trial->counts();
  for (const auto& [name, count] : arms) {
    const auto role = name == "stable"    ? Role::kStable
                      : name == "control" ? Role::kControl
                                          : Role::kCanary;
    const serving::TrialArmCounts& arm = counts.epochs[0].arms[serving::index_of(role)];
    EXPECT_EQ(arm.requests, static_cast<std::uint64_t>(count));
    EXPECT_EQ(arm.keys, static_cast<std::uint64_t>(count));
  }
  EXPECT_EQ(counts.excluded, 0);
}

TEST(serving_routed, the_key_may_be_a_parameter_or_the_requests_id) {
  TrialRig trial;
  routing::RouteSpec spec = three_arms(5000, 5000);
  spec.sticky = {.source = routing::KeySource::kParameter, .name = "user"};
  trial.set(spec);
  const std::string user = TrialRig::user_of(spec, "canary");
  const std::string parameter =
      sized_field(4, sized_field(1, "user") + sized_field(2, sized_field(3, user)));
  EXPECT_EQ(trial.arm_of(trial.infer("", parameter)), "canary");
  EXPECT_EQ(trial.arm_of(trial.infer("", sized_field(3, user))), "canary");
  const std::string stable = TrialRig::user_of(spec, "control");
  EXPECT_EQ(trial.arm_of(trial.infer("", sized_field(3, stable))), "control");
}

TEST(serving_routed, a_parameter_that_is_no_key_is_refused) {
  TrialRig trial;
  routing::RouteSpec spec = three_arms(5000, 5000);
  spec.sticky = {.source = routing::KeySource::kParameter, .name = "user"};
  trial.set(spec);
  const std::string truth =
      sized_field(4, sized_field(1, "user") + sized_field(2, varint_field(1, 1)));
  const std::int32_t id = trial.infer("", truth);
  EXPECT_EQ(trial.link->status(id), "3");
  EXPECT_EQ(trial.link->message(id),
            "parameter \"user\" decides over the request's version: a text of 1 to 1024 bytes or a "
            "whole number is wanted");
}

TEST(serving_routed, a_header_longer_than_a_key_may_be_is_refused) {
  TrialRig trial;
  const std::int32_t id = trial.infer(std::string(serving::kKeyBytesMax + 1, 'a'));
  EXPECT_EQ(trial.link->status(id), "3");
  EXPECT_EQ(trial.arm_of(trial.infer(std::string(serving::kKeyBytesMax, 'a'))) == "none", false);
}

TEST(serving_routed, a_header_that_another_model_s_route_wants_may_be_as_long_as_it_likes) {
  TrialRig trial;
  trial.rig.serve({.name = "other", .number = 1}, x_to_y());
  const std::string user(serving::kKeyBytesMax + 1, 'a');
  const std::int32_t id = trial.link->infer(infer_x("other", {1.0F}), {{"user", user}});
  trial.rig.await(*trial.link, id);
  EXPECT_EQ(trial.link->status(id), "0");
}

TEST(serving_routed, requests_without_any_key_are_shared_out_by_chance) {
  TrialRig trial;
  int canary = 0;
  for (int i = 0; i < 200; ++i) canary += trial.arm_of(trial.infer("")) == "canary" ? 1 : 0;
  // Within five standard deviations of a half.
  EXPECT(canary > 65);
  EXPECT(canary < 135);
}

TEST(serving_routed, a_label_or_a_number_is_obeyed_and_is_no_evidence) {
  TrialRig trial;
  for (const char* label : {"canary", "stable", "control"}) {
    EXPECT_EQ(trial.arm_of(trial.infer("u", sized_field(2, label))), label);
  }
  const std::int32_t numbered = trial.infer("u", sized_field(2, "2"));
  EXPECT_EQ(trial.version_of(numbered), "2");
  EXPECT_EQ(trial.arm_of(numbered), "none");
  const serving::TrialCounts counts = trial.trial->counts();
  EXPECT_EQ(counts.excluded, 4);
  for (const serving::TrialArmCounts& arm : counts.epochs[0].arms) EXPECT_EQ(arm.requests, 0);

  const std::int32_t unknown = trial.infer("u", sized_field(2, "blue"));
  EXPECT_EQ(trial.link->status(unknown), "5");
  EXPECT(trial.link->message(unknown).find("has no arm \"blue\"; it has") != std::string::npos);
}

TEST(serving_routed, after_the_verdict_nobody_gets_the_canary_not_even_by_its_label) {
  TrialRig trial;
  trial.canary = fails;
  const routing::RouteSpec spec = three_arms(5000, 5000);
  int failed = 0;
  while (!trial.trial->is_cut()) {
    const std::string user = TrialRig::user_of(spec, "canary", failed);
    EXPECT_EQ(trial.link->status(trial.infer(user)), "13");
    ++failed;
    trial.infer(TrialRig::user_of(spec, "control"));
  }
  // At a share of a half, E cannot reach 100 by three events: the breaker for the first ones has.
  EXPECT_EQ(failed, 3);
  const serving::TrialCounts counts = trial.trial->counts();
  EXPECT(counts.verdict.has_value());
  EXPECT(counts.verdict->rolls_back);
  EXPECT(counts.verdict->cause == judging::Cause::kFirstFailures);
  const std::string user = TrialRig::user_of(spec, "canary", 10);
  EXPECT_EQ(trial.arm_of(trial.infer(user)), "stable");
  EXPECT_EQ(trial.arm_of(trial.infer("u", sized_field(2, "canary"))), "stable");
  EXPECT_EQ(trial.trial->take_events().size(), 3);
}

TEST(serving_routed, the_same_events_bring_a_second_trial_to_the_same_verdict) {
  TrialRig first;
  first.canary = fails;
  const routing::RouteSpec spec = three_arms(5000, 5000);
  first.infer(TrialRig::user_of(spec, "control"));
  for (int i = 0; !first.trial->is_cut(); ++i) first.infer(TrialRig::user_of(spec, "canary", i));
  std::vector<judging::BadEvent> events;
  for (const serving::TrialEvent& taken : first.trial->take_events()) {
    events.push_back(taken.event);
  }
  TrialRig second;
  second.trial->replay(events);
  EXPECT(second.trial->is_cut());
  EXPECT(*second.trial->counts().verdict == *first.trial->counts().verdict);
}

TEST(serving_routed, what_the_canary_fails_is_answered_by_stable_where_that_is_allowed) {
  for (const Lane lane : {Lane::kInline, Lane::kBatch}) {
    TrialRig trial({.retries = true}, lane);
    trial.canary = fails;
    const std::string user = TrialRig::user_of(three_arms(5000, 5000), "canary");
    const std::int32_t id = trial.infer(user, {}, 4.0F);
    EXPECT_EQ(trial.link->status(id), "0");
    EXPECT_EQ(trial.version_of(id), "1");
    EXPECT_EQ(trial.arm_of(id), "stable");
    EXPECT_EQ(trial.link->output(id), bytes_of_value(4.0F));
    const serving::TrialCounts counts = trial.trial->counts();
    EXPECT_EQ(counts.retried, 1);
    EXPECT_EQ(counts.epochs[0].arms[serving::index_of(Role::kCanary)].bad[0], 1);
    EXPECT_EQ(counts.epochs[0].arms[serving::index_of(Role::kStable)].requests, 0);
  }
}

TEST(serving_routed, a_canary_that_answers_nan_is_cut_at_once_if_stable_does_not) {
  TrialRig trial;
  trial.canary = gives_nan;
  const routing::RouteSpec spec = three_arms(5000, 5000);
  trial.infer(TrialRig::user_of(spec, "control"));
  // Who asks about NaN may be answered NaN.
  trial.infer(TrialRig::user_of(spec, "canary"), {}, std::numeric_limits<float>::quiet_NaN());
  EXPECT(!trial.trial->is_cut());
  trial.infer(TrialRig::user_of(spec, "canary", 1));
  EXPECT(trial.trial->is_cut());
  EXPECT(trial.trial->counts().verdict->cause == judging::Cause::kNonFinite);
}

TEST(serving_routed, what_the_caller_did_wrong_speaks_against_nobody) {
  TrialRig trial;
  trial.canary = [](const model::ExecutorBatch&, std::vector<base::Tensor>&) -> base::Result<> {
    return base::fail(Code::kInvalidArgument, "not such inputs");
  };
  const routing::RouteSpec spec = three_arms(5000, 5000);
  for (int i = 0; i < 10; ++i) trial.infer(TrialRig::user_of(spec, "canary", i));
  EXPECT(!trial.trial->is_cut());
  EXPECT_EQ(trial.trial->counts().epochs[0].arms[serving::index_of(Role::kCanary)].requests, 0);
  EXPECT_EQ(trial.trial->take_events().size(), 0);
}

TEST(serving_routed, a_canary_that_is_not_loaded_is_counted_and_stable_answers) {
  TrialRig trial;
  trial.rig.put("m", {.number = 2, .version = nullptr, .failure = "it failed to load"});
  const std::string user = TrialRig::user_of(three_arms(5000, 5000), "canary");
  EXPECT_EQ(trial.arm_of(trial.infer(user)), "stable");
  EXPECT_EQ(trial.trial->counts().canary_missing, 1);
}

TEST(serving_routed, a_request_that_is_slow_already_is_told_before_it_is_answered) {
  TrialRig trial({.judge = {.weights = {0.5, 0.5}}, .slo_ns = 20 * base::kMillisecond},
                 Lane::kBatch);
  Strings strings;
  trial.canary = [&](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
    strings.pass();
    return echo_batch(batch, outputs);
  };
  const std::string user = TrialRig::user_of(three_arms(5000, 5000), "canary");
  const std::int32_t id = trial.link->infer(infer_x("m", {1.0F}), {{"user", user}});
  trial.rig.settle();
  strings.wait_until_begun(1);
  trial.rig.skew_ns = base::kSecond;
  trial.rig.settle();
  const auto slow = [&] {
    constexpr auto kind = static_cast<std::size_t>(judging::BadKind::kSlow);
    return trial.trial->counts().epochs[0].arms[serving::index_of(Role::kCanary)].bad[kind];
  };
  EXPECT_EQ(slow(), 1);
  strings.let_all_go();
  trial.rig.await(*trial.link, id);
  EXPECT_EQ(trial.link->status(id), "0");
  EXPECT_EQ(slow(), 1);
  const auto events = trial.trial->take_events();
  EXPECT_EQ(events.size(), 1);
  EXPECT(events[0].event.guardrail == judging::Guardrail::kLatency);
  EXPECT_EQ(events[0].event.both_bp, 10'000);
}

TEST(serving_routed, a_deadline_that_passes_at_the_canary_is_a_timeout_of_it) {
  TrialRig trial({}, Lane::kBatch);
  Strings strings;
  trial.canary = [&](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
    strings.pass();
    return echo_batch(batch, outputs);
  };
  const std::string user = TrialRig::user_of(three_arms(5000, 5000), "canary");
  const std::int32_t id =
      trial.link->infer(infer_x("m", {1.0F}), {{"user", user}, {"grpc-timeout", "100m"}});
  trial.rig.settle();
  strings.wait_until_begun(1);
  trial.rig.skew_ns = base::kSecond;
  trial.rig.settle();
  EXPECT_EQ(trial.link->status(id), "4");
  strings.let_all_go();
  const auto events = trial.trial->take_events();
  EXPECT_EQ(events.size(), 1);
  EXPECT(events[0].event.kind == judging::BadKind::kTimeout);
}

// Else a canary that is too slow would be judged by those requests alone that it comes to.
TEST(serving_routed, what_waits_in_the_canary_s_queue_until_that_gives_it_up_is_a_timeout_of_it) {
  TrialRig trial({}, Lane::kBatch);
  Strings strings;
  serving::Version::Options canary{.name = "m", .number = 2, .lane = Lane::kBatch};
  canary.queue.default_timeout_ns = 100 * base::kMillisecond;
  trial.rig.serve(std::move(canary), x_to_y(),
                  [&](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
                    strings.pass();
                    return echo_batch(batch, outputs);
                  });
  const std::string user = TrialRig::user_of(three_arms(5000, 5000), "canary");
  const auto infer = [&] { return trial.link->infer(infer_x("m", {1.0F}), {{"user", user}}); };
  const std::int32_t executed = infer();
  trial.rig.settle();
  strings.wait_until_begun(1);
  const std::int32_t given_up = infer();
  trial.rig.settle();
  trial.rig.skew_ns = base::kSecond;
  trial.rig.settle();
  EXPECT_EQ(trial.link->status(given_up), "14");
  strings.let_all_go();
  trial.rig.await(*trial.link, executed);
  EXPECT_EQ(trial.link->status(executed), "0");
  const auto events = trial.trial->take_events();
  REQUIRE(events.size() == 1);
  EXPECT(events[0].event.kind == judging::BadKind::kTimeout);
}

// A client resets a stream whose deadline has come, often before the timer here is due.
TEST(serving_routed, a_caller_that_goes_away_at_its_deadline_had_no_answer_in_time) {
  for (const auto& [tenths_of_seconds, timeouts] : {std::pair(50, 0), std::pair(95, 1)}) {
    TrialRig trial({}, Lane::kBatch);
    Strings strings;
    trial.canary = [&](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
      strings.pass();
      return echo_batch(batch, outputs);
    };
    const std::string user = TrialRig::user_of(three_arms(5000, 5000), "canary");
    const std::int32_t id =
        trial.link->infer(infer_x("m", {1.0F}), {{"user", user}, {"grpc-timeout", "10S"}});
    trial.rig.settle();
    strings.wait_until_begun(1);
    trial.rig.skew_ns = tenths_of_seconds * 100 * base::kMillisecond;
    trial.link->client.reset(id);
    trial.rig.settle();
    strings.let_all_go();
    EXPECT_EQ(trial.trial->take_events().size(), timeouts);
  }
}

TEST(serving_routed, control_and_stable_never_share_a_batch) {
  FrontRig rig;
  std::vector<std::int64_t> batches;
  rig.serve({.name = "m", .number = 1, .lane = Lane::kInline}, x_to_y(),
            [&](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
              batches.push_back(batch.rows);
              return echo_batch(batch, outputs);
            });
  const base::EventFd wake = *base::EventFd::open();
  auto trial = *Trial::open({}, 1, wake);
  EXPECT(trial->begin_epoch(0, {.bp = {5000, 5000, 0}}));
  const routing::RouteSpec spec = three_arms(0, 5000);
  auto table = std::make_shared<serving::RouteTable>();
  table->set(std::make_shared<const serving::RoutedModel>(
      serving::RoutedModel{.route = *routing::Route::make(spec), .trial = trial, .epoch = 0}));
  rig.routes.publish(std::move(table));
  Link& link = rig.connect();
  for (int i = 0; i < 3; ++i) {
    link.infer(infer_x("m", {1.0F}), {{"user", TrialRig::user_of(spec, "stable", i)}});
    link.infer(infer_x("m", {1.0F}), {{"user", TrialRig::user_of(spec, "control", i)}});
  }
  rig.settle();
  EXPECT(batches == std::vector<std::int64_t>({3, 3}));
}

TEST(serving_routed, first_answers_of_keys_are_counted_by_the_bins_of_a_watched_output) {
  TrialRig trial({.predictions = serving::WatchedOutput{.name = "y", .edges = {1.0, 2.0}}});
  const routing::RouteSpec spec = three_arms(5000, 5000);
  const std::string user = TrialRig::user_of(spec, "canary");
  trial.infer(user, {}, 0.5F);
  trial.infer(user, {}, 5.0F);  // of a key that has answered
  trial.infer(TrialRig::user_of(spec, "canary", 1), {}, 1.0F);
  trial.infer(TrialRig::user_of(spec, "canary", 2), {}, 9.0F);
  const serving::TrialCounts counts = trial.trial->counts();
  const auto& arm = counts.epochs[0].arms[serving::index_of(Role::kCanary)];
  EXPECT(arm.predictions == std::vector<std::uint64_t>({1, 1, 1}));
}

TEST(serving_routed, a_key_stays_in_the_canary_as_its_share_grows_and_epochs_are_told_apart) {
  TrialRig trial({}, Lane::kInline, 100, 100);
  const std::string early = TrialRig::user_of(three_arms(100, 100), "canary");
  EXPECT_EQ(trial.arm_of(trial.infer(early)), "canary");
  trial.begin(1, 2500, 2500);
  EXPECT_EQ(trial.arm_of(trial.infer(early)), "canary");
  const auto epochs = trial.trial->counts().epochs;
  EXPECT_EQ(epochs.size(), 2);
  for (const serving::EpochCounts& epoch : epochs) {
    EXPECT_EQ(epoch.arms[serving::index_of(Role::kCanary)].requests, 1);
  }
  EXPECT_EQ(epochs[1].arms[serving::index_of(Role::kCanary)].keys, 0);  // seen before
}

TEST(serving_routed, epochs_are_bounded_and_only_grow) {
  const base::EventFd wake = *base::EventFd::open();
  auto trial = *Trial::open({}, 1, wake);
  const serving::EpochShares shares{.bp = {10'000, 0, 0}};
  EXPECT(trial->begin_epoch(2, shares));  // a process before this one had 0 and 1
  EXPECT(!trial->begin_epoch(2, shares));
  EXPECT(!trial->begin_epoch(1, shares));
  for (std::uint32_t i = 3; i < serving::kEpochsMax; ++i) EXPECT(trial->begin_epoch(i, shares));
  EXPECT_EQ(trial->counts().epochs.size(), serving::kEpochsMax - 2);
  EXPECT_EQ(trial->counts().epochs[0].number, 2);
  const auto beyond = trial->begin_epoch(serving::kEpochsMax, shares);
  EXPECT(!beyond);
  EXPECT(beyond.error().code == Code::kResourceExhausted);
}

TEST(serving_routed, a_trial_whose_events_nobody_takes_is_held) {
  const base::EventFd wake = *base::EventFd::open();
  auto trial = *Trial::open({.judge = {.first_failures = 0}}, 1, wake);
  EXPECT(trial->begin_epoch(0, {.bp = {5000, 0, 5000}}));
  for (std::uint64_t key = 1; key <= serving::kTrialEventsMax; ++key) {
    // Failures of both alike.
    trial->observe(0, {.role = key % 2 == 0 ? Role::kCanary : Role::kStable,
                       .key_hash = key,
                       .bad = judging::BadKind::kError});
  }
  EXPECT(!trial->counts().verdict);
  trial->observe(0, {.role = Role::kStable, .key_hash = 1 << 20, .bad = judging::BadKind::kError});
  EXPECT(trial->counts().verdict.has_value());
  EXPECT(trial->counts().verdict->cause == judging::Cause::kEventsFull);
  EXPECT(!trial->is_cut());
}

TEST(serving_routed, metadata_and_readiness_of_a_route_are_those_of_its_stable_version) {
  TrialRig trial;
  trial.rig.put("m", {.number = 1, .version = nullptr, .failure = {}});
  const std::int32_t id =
      trial.link->call("/inference.GRPCInferenceService/ModelReady", sized_field(1, "m"));
  trial.rig.await(*trial.link, id);
  EXPECT_EQ(trial.link->reply(id), "");  // false: version 2 is there, and not what answers
}

}  // namespace penstock::testing
