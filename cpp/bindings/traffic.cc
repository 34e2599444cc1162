// SPDX-License-Identifier: Apache-2.0
#include "bindings/traffic.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "bindings/errors.h"

namespace penstock::bindings {
namespace {

namespace py = pybind11;
using base::Code;
using base::fail;
using base::Result;
using routing::KeySource;
using routing::Role;

constexpr std::array<std::pair<std::string_view, Role>, routing::kRoleCount> kRoles = {{
    {"plain", Role::kPlain},
    {"stable", Role::kStable},
    {"control", Role::kControl},
    {"canary", Role::kCanary},
}};
constexpr std::array<std::pair<std::string_view, KeySource>, 3> kSources = {{
    {"request_id", KeySource::kRequestId},
    {"header", KeySource::kHeader},
    {"parameter", KeySource::kParameter},
}};

template <class Word, std::size_t n>
Result<Word> word_of(const std::array<std::pair<std::string_view, Word>, n>& words,
                     std::string_view what, std::string_view text) {
  for (const auto& [name, word] : words) {
    if (name == text) return word;
  }
  std::string wanted;
  for (const auto& [name, word] : words) wanted += (wanted.empty() ? "" : ", ") + std::string(name);
  return fail(Code::kInvalidArgument, std::string(what) + ": one of " + wanted +
                                          " is wanted, got \"" + std::string(text) + "\"");
}

// A bad event as a row: wall_ms, guardrail, kind, is_canary, epoch, canary_bp, both_bp, key_hash,
// canary_good, baseline_good, counts.
using EventRow =
    std::tuple<std::int64_t, std::string, std::string, bool, std::uint32_t, std::uint32_t,
               std::uint32_t, std::uint64_t, std::uint64_t, std::uint64_t, bool>;

EventRow row_of(const serving::TrialEvent& taken) {
  const judging::BadEvent& event = taken.event;
  return {event.wall_ms,
          std::string(name_of(event.guardrail)),
          std::string(name_of(event.kind)),
          event.is_canary,
          event.epoch,
          event.canary_bp,
          event.both_bp,
          event.key_hash,
          event.canary_good,
          event.baseline_good,
          taken.counts};
}

Result<judging::BadEvent> event_of(const EventRow& row) {
  using judging::BadKind;
  using judging::Guardrail;
  judging::BadEvent event;
  event.wall_ms = std::get<0>(row);
  const std::array guardrails = {Guardrail::kErrors, Guardrail::kLatency};
  const auto guardrail = std::ranges::find_if(
      guardrails, [&row](Guardrail one) { return name_of(one) == std::get<1>(row); });
  const std::array kinds = {BadKind::kError, BadKind::kTimeout, BadKind::kNonFinite,
                            BadKind::kSlow};
  const auto kind =
      std::ranges::find_if(kinds, [&row](BadKind one) { return name_of(one) == std::get<2>(row); });
  if (guardrail == guardrails.end() || kind == kinds.end()) {
    return fail(Code::kInvalidArgument, "a bad event of guardrail \"" + std::get<1>(row) +
                                            "\" and kind \"" + std::get<2>(row) +
                                            "\": there is no such one");
  }
  event.guardrail = *guardrail;
  event.kind = *kind;
  event.is_canary = std::get<3>(row);
  event.epoch = std::get<4>(row);
  event.canary_bp = std::get<5>(row);
  event.both_bp = std::get<6>(row);
  event.key_hash = std::get<7>(row);
  event.canary_good = std::get<8>(row);
  event.baseline_good = std::get<9>(row);
  if (event.canary_bp == 0 || event.canary_bp >= event.both_bp) {
    return fail(Code::kInvalidArgument,
                "a bad event whose canary has " + std::to_string(event.canary_bp) + " of " +
                    std::to_string(event.both_bp) + " basis points: a part of them is wanted");
  }
  return event;
}

// Of one arm in one epoch: keys, requests, bad by kind, predictions.
using ArmRow = std::tuple<std::uint64_t, std::uint64_t, std::array<std::uint64_t, 4>,
                          std::vector<std::uint64_t>>;
// number, shares of stable, control and canary, and their arms.
using EpochRow =
    std::tuple<std::uint32_t, std::array<std::uint32_t, serving::kTrialArms>, std::vector<ArmRow>>;

std::vector<EpochRow> epoch_rows(const serving::TrialCounts& counts) {
  std::vector<EpochRow> rows;
  for (const serving::EpochCounts& epoch : counts.epochs) {
    std::vector<ArmRow> arms;
    for (const serving::TrialArmCounts& arm : epoch.arms) {
      arms.emplace_back(arm.keys, arm.requests, arm.bad, arm.predictions);
    }
    rows.emplace_back(epoch.number, epoch.shares.bp, std::move(arms));
  }
  return rows;
}

// By arm: nanoseconds in the middle of a bucket, and answers in it; without empty ones.
std::vector<std::vector<std::pair<std::uint64_t, std::uint64_t>>> latency_rows(
    const serving::TrialCounts& counts) {
  std::vector<std::vector<std::pair<std::uint64_t, std::uint64_t>>> rows(serving::kTrialArms);
  for (std::size_t arm = 0; arm < serving::kTrialArms; ++arm) {
    for (std::size_t bucket = 0; bucket < telemetry::kFineBuckets; ++bucket) {
      const std::uint64_t count = counts.latency[arm][bucket];
      if (count > 0) rows[arm].emplace_back(telemetry::fine_middle_ns(bucket), count);
    }
  }
  return rows;
}

// rolls_back, cause, guardrail, log_e, log_limit, wall_ms
using VerdictRow = std::tuple<bool, std::string, std::string, double, double, std::int64_t>;

std::optional<VerdictRow> verdict_row(const serving::TrialCounts& counts) {
  if (!counts.verdict) return std::nullopt;
  const judging::Verdict& verdict = *counts.verdict;
  return VerdictRow{verdict.rolls_back,
                    std::string(name_of(verdict.cause)),
                    std::string(name_of(verdict.guardrail)),
                    verdict.log_e,
                    verdict.log_limit,
                    verdict.wall_ms};
}

Result<routing::RouteSpec> route_spec(const PlainRoute& plain) {
  routing::RouteSpec made;
  made.name = plain.name;
  made.sticky.name = plain.sticky_name;
  made.salt = plain.salt;
  made.holdout = {.share_bp = plain.holdout_bp, .salt = plain.holdout_salt};
  made.force_keys = plain.force_keys;
  const auto source = word_of(kSources, "sticky_source", plain.sticky_source);
  if (!source) return std::unexpected(source.error());
  made.sticky.source = *source;
  for (const PlainArm& arm : plain.arms) {
    const auto role = word_of(kRoles, "role", arm.role);
    if (!role) return std::unexpected(role.error());
    routing::Arm& to = made.arms.emplace_back();
    to.name = arm.name;
    to.model = arm.model;
    to.version = arm.version;
    to.role = *role;
    for (const auto& [begin, end] : arm.intervals) to.intervals.push_back({begin, end});
  }
  for (const auto& [key, arm] : plain.overrides) {
    routing::Override& to = made.overrides.emplace_back();
    if (key.size() != to.key.size()) {
      return fail(Code::kInvalidArgument, "overrides: a key's SHA-256 of 32 bytes is wanted, got " +
                                              std::to_string(key.size()));
    }
    std::memcpy(to.key.data(), key.data(), key.size());
    to.arm = arm;
  }
  for (const auto& [shadow, sample_bp, salt] : plain.shadows) {
    const serving::ShadowOptions& options = shadow->options();
    routing::Shadow& to = made.shadows.emplace_back();
    to.name = options.name;
    to.model = options.model;
    to.version = options.version;
    to.sample_bp = sample_bp;
    to.salt = salt;
  }
  return made;
}

serving::TrialOptions trial_options(const PlainTrialOptions& plain) {
  serving::TrialOptions made{.judge = {.alpha = plain.alpha,
                                       .tolerance = plain.tolerance,
                                       .weights = {plain.errors_weight, plain.latency_weight},
                                       .keys_max = plain.keys_max,
                                       .first_failures = plain.first_failures,
                                       .breaks_on_non_finite = plain.breaks_on_non_finite},
                             .slo_ns = plain.slo_us * base::kMicrosecond,
                             .retries = plain.retries,
                             .keys_max = plain.keys_max};
  if (!plain.watched_output.empty()) {
    made.predictions =
        serving::WatchedOutput{.name = plain.watched_output, .edges = plain.watched_edges};
  }
  return made;
}

void bind_values(py::module_& module) {
  py::class_<PlainArm>(module, "Arm")
      .def(py::init([](std::string name, std::string model, std::string version, std::string role,
                       std::vector<std::pair<std::uint32_t, std::uint32_t>> intervals) {
             return PlainArm{std::move(name), std::move(model), std::move(version), std::move(role),
                             std::move(intervals)};
           }),
           py::arg("name"), py::arg("model"), py::arg("version"), py::arg("role"),
           py::arg("intervals"));
  py::class_<PlainRoute>(module, "Route")
      .def(py::init([](std::string name) {
             PlainRoute route;
             route.name = std::move(name);
             return route;
           }),
           py::arg("name"))
      .def_readwrite("name", &PlainRoute::name)
      .def_readwrite("sticky_source", &PlainRoute::sticky_source)
      .def_readwrite("sticky_name", &PlainRoute::sticky_name)
      .def_readwrite("salt", &PlainRoute::salt)
      .def_readwrite("arms", &PlainRoute::arms)
      .def_property(
          "overrides",
          [](const PlainRoute& route) {
            std::vector<std::pair<py::bytes, std::uint32_t>> told;
            for (const auto& [key, arm] : route.overrides) told.emplace_back(key, arm);
            return told;
          },
          [](PlainRoute& route, std::vector<std::pair<std::string, std::uint32_t>> overrides) {
            route.overrides = std::move(overrides);
          })
      .def_readwrite("holdout_bp", &PlainRoute::holdout_bp)
      .def_readwrite("holdout_salt", &PlainRoute::holdout_salt)
      .def_readwrite("force_keys", &PlainRoute::force_keys)
      .def_readwrite("shadows", &PlainRoute::shadows);
  py::class_<PlainTrialOptions>(module, "TrialOptions")
      .def(py::init<>())
      .def_readwrite("alpha", &PlainTrialOptions::alpha)
      .def_readwrite("tolerance", &PlainTrialOptions::tolerance)
      .def_readwrite("errors_weight", &PlainTrialOptions::errors_weight)
      .def_readwrite("latency_weight", &PlainTrialOptions::latency_weight)
      .def_readwrite("keys_max", &PlainTrialOptions::keys_max)
      .def_readwrite("first_failures", &PlainTrialOptions::first_failures)
      .def_readwrite("breaks_on_non_finite", &PlainTrialOptions::breaks_on_non_finite)
      .def_readwrite("slo_us", &PlainTrialOptions::slo_us)
      .def_readwrite("retries", &PlainTrialOptions::retries)
      .def_readwrite("watched_output", &PlainTrialOptions::watched_output)
      .def_readwrite("watched_edges", &PlainTrialOptions::watched_edges);
  py::class_<serving::TrialCounts>(module, "TrialCounts")
      .def_property_readonly("epochs", &epoch_rows)
      .def_property_readonly("latency_ns", &latency_rows)
      .def_property_readonly("verdict", &verdict_row)
      .def_readonly("excluded", &serving::TrialCounts::excluded)
      .def_readonly("retried", &serving::TrialCounts::retried)
      .def_readonly("canary_missing", &serving::TrialCounts::canary_missing)
      .def_readonly("seen_is_full", &serving::TrialCounts::seen_is_full);
}

void bind_trial(py::module_& module) {
  using serving::Trial;
  py::class_<Trial, std::shared_ptr<Trial>>(module, "Trial")
      .def(
          "begin_epoch",
          [](Trial& trial, std::uint32_t number,
             const std::array<std::uint32_t, serving::kTrialArms>& shares_bp) {
            value_or_raise(trial.begin_epoch(number, {.bp = shares_bp}));
          },
          py::arg("number"), py::arg("shares_bp"))
      .def(
          "replay",
          [](Trial& trial, const std::vector<EventRow>& rows) {
            std::vector<judging::BadEvent> events;
            for (const EventRow& row : rows) events.push_back(value_or_raise(event_of(row)));
            trial.replay(events);
          },
          py::arg("events"))
      .def("counts", &Trial::counts, py::call_guard<py::gil_scoped_release>())
      .def("take_events",
           [](Trial& trial) {
             std::vector<EventRow> rows;
             for (const serving::TrialEvent& taken : trial.take_events()) {
               rows.push_back(row_of(taken));
             }
             return rows;
           })
      .def_property_readonly("is_cut", &Trial::is_cut);
}

}  // namespace

std::shared_ptr<serving::Trial> Traffic::open_trial(const PlainTrialOptions& options) {
  return value_or_raise(engine_.open_trial(trial_options(options)));
}

void Traffic::set_route(const PlainRoute& route, std::shared_ptr<serving::Trial> trial,
                        std::uint32_t epoch) {
  auto spec = value_or_raise(route_spec(route));
  std::vector<std::shared_ptr<serving::Shadow>> shadows;
  for (const auto& [shadow, sample_bp, salt] : route.shadows) shadows.push_back(shadow);
  value_or_raise(engine_.set_route(std::move(spec), std::move(trial), epoch, std::move(shadows)));
}

void bind_traffic(py::module_& module) {
  py::module_ traffic = module.def_submodule("traffic", "Routes and trials.");
  bind_shadow(traffic);
  bind_values(traffic);
  bind_trial(traffic);
  py::class_<Traffic>(traffic, "Traffic")
      // A trial wakes the control thread through its engine.
      .def("open_trial", &Traffic::open_trial, py::arg("options"), py::keep_alive<0, 1>())
      .def("open_shadow", &Traffic::open_shadow, py::arg("options"))
      .def("set_route", &Traffic::set_route, py::arg("route"), py::arg("trial") = py::none(),
           py::arg("epoch") = 0)
      .def("remove_route", &Traffic::remove_route, py::arg("name"))
      .def("worker_restarts", &Traffic::worker_restarts, py::arg("model"), py::arg("version"))
      .def_property_readonly("verdicts_fd", &Traffic::verdicts_fd)
      .def("clear_verdicts", &Traffic::clear_verdicts);
}

}  // namespace penstock::bindings
