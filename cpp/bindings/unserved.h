// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bindings/drift.h"
#include "bindings/options.h"
#include "engine/engine.h"

// Versions that are loaded and not served yet. What each means stands in
// server/penstock/_core/loading.pyi.
namespace penstock::bindings {

struct LoadedModel {
  std::string name;
  std::int64_t version = 0;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  std::int64_t batch_rows_max = 0;
  std::string lane;
  std::optional<double> row_cost_us;
};

// Of an engine, which outlives it.
class Unserved {
 public:
  Unserved(engine::Engine& engine, engine::Loaded loaded);
  ~Unserved();
  Unserved(const Unserved&) = delete;
  Unserved& operator=(const Unserved&) = delete;

  const LoadedModel& told() const { return told_; }
  PlainWatch open_watch(std::vector<drift::ColumnSpec> columns, double share,
                        std::size_t sample_rows) const;
  void serve();

 private:
  engine::Engine& engine_;
  std::optional<engine::Loaded> loaded_;  // nothing: it is served
  const LoadedModel told_;
};

// Adds the submodule `loading`.
void bind_unserved(pybind11::module_& module);

}  // namespace penstock::bindings
