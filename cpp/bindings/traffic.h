// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings/shadow.h"
#include "engine/engine.h"
#include "serving/trial.h"

// Routes and trials, as Python writes and reads them: plain values. What each means stands in
// server/penstock/_core/traffic.pyi.
namespace penstock::bindings {

struct PlainArm {
  std::string name;
  std::string model;
  std::string version;
  std::string role;  // "plain", "stable", "control", "canary"
  std::vector<std::pair<std::uint32_t, std::uint32_t>> intervals;
};

struct PlainRoute {
  std::string name;
  std::string sticky_source = "request_id";  // or "header", "parameter"
  std::string sticky_name;
  std::uint64_t salt = 0;
  std::vector<PlainArm> arms;
  std::vector<std::pair<std::string, std::uint32_t>> overrides;  // SHA-256 of a key, arm
  std::uint32_t holdout_bp = 0;
  std::uint64_t holdout_salt = 0;
  std::vector<std::string> force_keys;
  // Each with its share of requests in basis points, and its salt.
  std::vector<std::tuple<std::shared_ptr<serving::Shadow>, std::uint32_t, std::uint64_t>> shadows;
};

struct PlainTrialOptions {
  double alpha = 0.01;
  double tolerance = 0.0;
  double errors_weight = 1.0;
  double latency_weight = 0.0;
  std::size_t keys_max = 1'000'000;
  std::uint32_t first_failures = 3;
  bool breaks_on_non_finite = true;
  std::int64_t slo_us = 0;
  bool retries = false;
  std::string watched_output;  // empty: none
  std::vector<double> watched_edges;
};

// The routes of an engine, which outlives it.
class Traffic {
 public:
  explicit Traffic(engine::Engine& engine) : engine_(engine) {}

  std::shared_ptr<serving::Trial> open_trial(const PlainTrialOptions& options);
  std::shared_ptr<serving::Shadow> open_shadow(const PlainShadowOptions& options) {
    return engine_.open_shadow(shadow_options(options));
  }
  void set_route(const PlainRoute& route, std::shared_ptr<serving::Trial> trial,
                 std::uint32_t epoch);
  void remove_route(const std::string& name) { engine_.remove_route(name); }
  std::uint64_t worker_restarts(const std::string& model, std::int64_t version) const {
    return engine_.worker_restarts(model, version);
  }
  int verdicts_fd() const { return engine_.verdicts().fd(); }
  void clear_verdicts() const { engine_.verdicts().clear(); }

 private:
  engine::Engine& engine_;
};

// Adds the submodule `traffic`.
void bind_traffic(pybind11::module_& module);

}  // namespace penstock::bindings
