// SPDX-License-Identifier: Apache-2.0
#include "serving/shadow.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <ctime>
#include <utility>

#include "judging/columns.h"

namespace penstock::serving {
namespace {

constexpr double kRatioStepsPerDoubling = 4.0;
constexpr int kRatioMiddle = 32;

std::int64_t wall_ms() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / base::kMillisecond;
}

template <class Count, std::size_t size>
void add_counts(std::array<Count, size>& sum, const std::array<telemetry::Counter, size>& more) {
  for (std::size_t i = 0; i < size; ++i) sum[i] += more[i].value();
}

}  // namespace

// What the desk writes and others read.
struct Shadow::State {
  explicit State(const ExampleOptions& options) : examples(options) {}

  ShadowCounts counts;
  ShadowExamples examples;
  std::vector<std::string> column_names;
  std::optional<judging::Slices> slices;
};

// The pair that the desk looks at, and what it needs for it; keeps its memory for the next one.
struct Shadow::Pair {
  // One numeric input that slices are made of.
  struct Source {
    std::size_t input = 0;
    std::size_t columns = 0;
  };

  bool agrees = false;
  std::array<bool, judging::kMismatchCount> mismatches{};
  std::vector<ShadowOutput> outputs;  // of this pair alone
  std::vector<std::uint8_t> rows_agree;
  // Laid out by the first pair; requests that have other columns are in no slice.
  bool is_laid_out = false;
  std::vector<Source> sources;
  std::size_t columns = 0;
  std::vector<double> values;  // a row after the other; empty: in no slice
};

std::string_view name_of(ShadowDrop reason) {
  switch (reason) {
    case ShadowDrop::kFull: return "full";
    case ShadowDrop::kBytes: return "bytes";
    case ShadowDrop::kBackedUp: return "backed_up";
    case ShadowDrop::kBusy: return "busy";
    case ShadowDrop::kMissing: return "missing";
    case ShadowDrop::kUnfit: return "unfit";
    case ShadowDrop::kRefused: return "refused";
  }
  return "";
}

std::size_t latency_ratio_bucket(base::Nanos shadow_ns, base::Nanos primary_ns) {
  const double doublings =
      std::log2(static_cast<double>(shadow_ns) / static_cast<double>(primary_ns));
  const int bucket =
      kRatioMiddle +
      static_cast<int>(std::floor(std::clamp(doublings, -100.0, 100.0) * kRatioStepsPerDoubling));
  return static_cast<std::size_t>(
      std::clamp(bucket, 0, static_cast<int>(kLatencyRatioBuckets) - 1));
}

Shadow::Shadow(ShadowOptions options, std::size_t io_threads)
    : options_(std::move(options)),
      io_counts_(io_threads),
      state_(std::make_unique<base::Monitor<State>>(State(options_.examples))),
      pair_(std::make_unique<Pair>()) {}

Shadow::~Shadow() = default;

ShadowCounts Shadow::counts() {
  ShadowCounts counts;
  {
    const auto state = state_->lock();
    counts = state->counts;
    if (state->slices) {
      for (const judging::Slice& slice : state->slices->worst(kWorstSlices)) {
        counts.worst.push_back({.column = state->column_names[slice.column], .slice = slice});
      }
    }
  }
  for (const IoCounts& io : io_counts_) {
    counts.offered += io.offered.value();
    add_counts(counts.dropped, io.dropped);
  }
  return counts;
}

std::vector<ShadowExample> Shadow::examples(base::Nanos now) {
  const auto state = state_->lock();
  state->examples.forget_old(now);
  return state->examples.all();
}

void Shadow::record_dropped(ShadowDrop reason) {
  ++state_->lock()->counts.dropped[static_cast<std::size_t>(reason)];
}

// The desk may be stopped by the system at any place and for long, so it holds the lock for no
// longer than adding takes.
void Shadow::record(const Answered& answered, base::Nanos now) {
  const bool primary_failed = !answered.mirror.outputs.has_value();
  const bool shadow_failed = !answered.outputs.has_value();
  const bool is_pair = !primary_failed && !shadow_failed;
  if (is_pair) {
    compare(answered);
    read_columns(answered.mirror);
  }
  bool is_example = false;
  {
    const auto state = state_->lock();
    ShadowCounts& counts = state->counts;
    if (is_pair) {
      count(*pair_, static_cast<std::size_t>(answered.mirror.rows), *state);
      if (answered.compute_ns > 0 && answered.mirror.compute_ns > 0) {
        ++counts
              .latency_ratio[latency_ratio_bucket(answered.compute_ns, answered.mirror.compute_ns)];
      }
    } else if (primary_failed && shadow_failed) {
      ++counts.both_failed;
    } else {
      ++(shadow_failed ? counts.discordant_shadow : counts.discordant_primary);
    }
    state->examples.forget_old(now);
    const bool is_odd = is_pair ? !pair_->agrees : primary_failed != shadow_failed;
    is_example = is_odd && state->examples.has_place();
  }
  if (!is_example) return;
  ShadowExample example{
      .wall_ms = wall_ms(), .key_hash = answered.mirror.key_hash, .json = example_of(answered)};
  state_->lock()->examples.keep(std::move(example), now);
}

void Shadow::count(const Pair& pair, std::size_t rows, State& state) {
  ShadowCounts& counts = state.counts;
  ++counts.compared;
  if (pair.agrees) ++counts.agreed;
  for (std::size_t kind = 0; kind < pair.mismatches.size(); ++kind) {
    if (pair.mismatches[kind]) ++counts.mismatched[kind];
  }
  for (const ShadowOutput& output : pair.outputs) {
    const auto found = std::ranges::find(counts.outputs, output.name, &ShadowOutput::name);
    if (found == counts.outputs.end()) {
      counts.outputs.push_back(output);
    } else {
      found->agreement.add(output.agreement);
    }
  }
  if (pair.values.empty()) return;
  for (std::size_t row = 0; row < rows; ++row) {
    state.slices->add(std::span(pair.values).subspan(row * pair.columns, pair.columns),
                      pair.rows_agree[row] != 0);
  }
}

bool Shadow::is_sensitive(std::string_view tensor) const {
  return std::ranges::find(options_.sensitive, tensor) != options_.sensitive.end();
}

void Shadow::compare(const Answered& answered) {
  const std::vector<base::TensorSpec>& wanted = answered.mirror.signature->outputs;
  const std::vector<base::TensorSpec>& given = answered.signature.outputs;
  const std::vector<base::Tensor>& primary = *answered.mirror.outputs;
  const std::vector<base::Tensor>& shadow = *answered.outputs;
  Pair& pair = *pair_;
  pair.agrees = true;
  pair.mismatches.fill(false);
  pair.outputs.clear();
  pair.rows_agree.assign(static_cast<std::size_t>(answered.mirror.rows), 1);
  for (std::size_t i = 0; i < primary.size(); ++i) {
    if (!primary[i].is_present) continue;  // nobody asked for it
    ShadowOutput& output = pair.outputs.emplace_back();
    output.name = wanted[i].name;
    const auto found = std::ranges::find(given, wanted[i].name, &base::TensorSpec::name);
    const auto at = static_cast<std::size_t>(found - given.begin());
    if (at >= shadow.size() || !shadow[at].is_present) {
      judging::count_missing(pair.rows_agree, output.agreement);
      pair.agrees = false;
    } else {
      const bool is_same = judging::compare(primary[i], shadow[at], options_.tolerance,
                                            pair.rows_agree, output.agreement);
      pair.agrees = pair.agrees && is_same;
    }
    for (std::size_t kind = 0; kind < pair.mismatches.size(); ++kind) {
      pair.mismatches[kind] = pair.mismatches[kind] || output.agreement.mismatched[kind] != 0;
    }
  }
}

void Shadow::lay_out_columns(const Mirror& mirror) {
  Pair& pair = *pair_;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < mirror.inputs.size(); ++i) {
    const std::string& name = mirror.signature->inputs[i].name;
    const std::size_t columns = judging::columns_of(mirror.inputs[i], mirror.rows);
    if (columns == 0 || is_sensitive(name)) continue;
    const std::size_t taken = std::min(columns, judging::kSliceColumnsMax - names.size());
    if (taken == 0) break;
    pair.sources.push_back({.input = i, .columns = columns});
    for (std::size_t column = 0; column < taken; ++column) {
      names.push_back(columns == 1 ? name : name + "[" + std::to_string(column) + "]");
    }
  }
  pair.columns = names.size();
  pair.is_laid_out = true;
  const auto state = state_->lock();
  state->slices.emplace(names.size());
  state->column_names = std::move(names);
}

void Shadow::read_columns(const Mirror& mirror) {
  Pair& pair = *pair_;
  if (!pair.is_laid_out) lay_out_columns(mirror);
  pair.values.clear();
  for (const Pair::Source& source : pair.sources) {
    if (source.input >= mirror.inputs.size()) return;
    if (judging::columns_of(mirror.inputs[source.input], mirror.rows) != source.columns) return;
  }
  pair.values.resize(static_cast<std::size_t>(mirror.rows) * pair.columns);
  std::size_t first = 0;
  for (const Pair::Source& source : pair.sources) {
    const std::size_t taken = std::min(source.columns, pair.columns - first);
    judging::read_columns(mirror.inputs[source.input], mirror.rows, taken, pair.columns,
                          std::span(pair.values).subspan(first));
    first += taken;
  }
}

std::string Shadow::example_of(const Answered& answered) const {
  const auto named = [this](const std::vector<base::TensorSpec>& specs,
                            const std::vector<base::Tensor>& tensors) {
    std::vector<NamedTensor> list;
    for (std::size_t i = 0; i < tensors.size() && i < specs.size(); ++i) {
      if (!tensors[i].is_present) continue;
      list.push_back({.name = specs[i].name,
                      .tensor = &tensors[i],
                      .is_sensitive = is_sensitive(specs[i].name)});
    }
    return list;
  };
  const auto answer = [&](const std::vector<base::TensorSpec>& specs,
                          const base::Result<std::vector<base::Tensor>>& outputs) {
    // What a model says of a failure may quote the values that it failed on.
    const bool is_told = options_.sensitive.empty();
    if (!outputs) {
      return ExampleAnswer{.error = &outputs.error(), .is_message_told = is_told, .outputs = {}};
    }
    return ExampleAnswer{.outputs = named(specs, *outputs)};
  };
  const Mirror& mirror = answered.mirror;
  return example_json(mirror.request_id, named(mirror.signature->inputs, mirror.inputs),
                      answer(mirror.signature->outputs, mirror.outputs),
                      answer(answered.signature.outputs, answered.outputs));
}

}  // namespace penstock::serving
