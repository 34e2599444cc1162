// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "drift/aggregator.h"
#include "drift/plan.h"
#include "engine/engine.h"

// Watches, as Python opens and reads them. What each means stands in
// server/penstock/_core/drift.pyi.
namespace penstock::bindings {

// One watch, and who counts for it: it may be read when the engine is no more.
class PlainWatch {
 public:
  PlainWatch(std::shared_ptr<drift::Aggregator> aggregator, std::shared_ptr<drift::Watch> watch)
      : aggregator_(std::move(aggregator)), watch_(std::move(watch)) {}

  drift::Counts take(bool ends_tick) const;
  void keep_sample(std::size_t rows) const { watch_->keep_sample(rows); }
  std::size_t memory_bytes() const { return watch_->bytes(); }

 private:
  std::shared_ptr<drift::Aggregator> aggregator_;
  std::shared_ptr<drift::Watch> watch_;
};

// The watches of an engine, which outlives it.
class Drift {
 public:
  explicit Drift(engine::Engine& engine) : engine_(engine) {}

  PlainWatch open_watch(const std::string& model, std::int64_t version,
                        std::vector<drift::ColumnSpec> columns, double share,
                        std::size_t sample_rows) const;
  std::size_t ring_bytes() const { return engine_.drift()->ring_bytes(); }

 private:
  engine::Engine& engine_;
};

// Adds the submodule `drift`.
void bind_drift(pybind11::module_& module);

}  // namespace penstock::bindings
