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

// What the desk writes.
struct Shadow::State {
  explicit State(const ExampleOptions& options) : examples(options) {}

  // One numeric input that slices are made of.
  struct Source {
    std::size_t input = 0;
    std::size_t columns = 0;
  };

  ShadowCounts counts;
  ShadowExamples examples;

  // Laid out by the first pair; requests that have other columns are in no slice.
  std::vector<Source> sources;
  std::vector<std::string> column_names;
  std::optional<judging::Slices> slices;

  // Of the pair at hand.
  std::vector<std::uint8_t> rows_agree;
  std::vector<double> values;
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
      state_(std::make_unique<base::Monitor<State>>(State(options_.examples))) {}

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

void Shadow::record(const Answered& answered, base::Nanos now) {
  const auto state = state_->lock();
  const bool primary_failed = !answered.mirror.outputs.has_value();
  const bool shadow_failed = !answered.outputs.has_value();
  bool agrees = false;
  if (primary_failed && shadow_failed) {
    ++state->counts.both_failed;
    return;
  }
  if (shadow_failed) {
    ++state->counts.discordant_shadow;
  } else if (primary_failed) {
    ++state->counts.discordant_primary;
  } else {
    agrees = compare(*state, answered);
    slice(*state, answered.mirror);
    if (answered.compute_ns > 0 && answered.mirror.compute_ns > 0) {
      ++state->counts
            .latency_ratio[latency_ratio_bucket(answered.compute_ns, answered.mirror.compute_ns)];
    }
  }
  state->examples.forget_old(now);
  if (!agrees && state->examples.has_place()) {
    state->examples.keep(
        {.wall_ms = wall_ms(), .key_hash = answered.mirror.key_hash, .json = example_of(answered)},
        now);
  }
}

bool Shadow::is_sensitive(std::string_view tensor) const {
  return std::ranges::find(options_.sensitive, tensor) != options_.sensitive.end();
}

bool Shadow::compare(State& state, const Answered& answered) {
  const std::vector<base::TensorSpec>& wanted = answered.mirror.signature->outputs;
  const std::vector<base::TensorSpec>& given = answered.signature.outputs;
  const std::vector<base::Tensor>& primary = *answered.mirror.outputs;
  const std::vector<base::Tensor>& shadow = *answered.outputs;
  ShadowCounts& counts = state.counts;
  state.rows_agree.assign(static_cast<std::size_t>(answered.mirror.rows), 1);
  std::array<bool, judging::kMismatchCount> mismatches{};
  bool agrees = true;
  for (std::size_t i = 0; i < primary.size(); ++i) {
    if (!primary[i].is_present) continue;  // nobody asked for it
    judging::OutputAgreement& agreement = agreement_of(counts, wanted[i].name);
    const auto before = agreement.mismatched;
    const auto found = std::ranges::find(given, wanted[i].name, &base::TensorSpec::name);
    const auto at = static_cast<std::size_t>(found - given.begin());
    if (at >= shadow.size() || !shadow[at].is_present) {
      judging::count_missing(state.rows_agree, agreement);
      agrees = false;
    } else {
      const bool is_same =
          judging::compare(primary[i], shadow[at], options_.tolerance, state.rows_agree, agreement);
      agrees = agrees && is_same;
    }
    for (std::size_t kind = 0; kind < before.size(); ++kind) {
      mismatches[kind] = mismatches[kind] || agreement.mismatched[kind] != before[kind];
    }
  }
  ++counts.compared;
  if (agrees) ++counts.agreed;
  for (std::size_t kind = 0; kind < mismatches.size(); ++kind) {
    if (mismatches[kind]) ++counts.mismatched[kind];
  }
  return agrees;
}

judging::OutputAgreement& Shadow::agreement_of(ShadowCounts& counts, const std::string& output) {
  const auto found = std::ranges::find(counts.outputs, output, &ShadowOutput::name);
  if (found != counts.outputs.end()) return found->agreement;
  return counts.outputs.emplace_back(ShadowOutput{.name = output, .agreement = {}}).agreement;
}

void Shadow::lay_out_columns(State& state, const Mirror& mirror) const {
  std::size_t total = 0;
  for (std::size_t i = 0; i < mirror.inputs.size(); ++i) {
    const std::string& name = mirror.signature->inputs[i].name;
    const std::size_t columns = judging::columns_of(mirror.inputs[i], mirror.rows);
    if (columns == 0 || is_sensitive(name)) continue;
    const std::size_t taken = std::min(columns, judging::kSliceColumnsMax - total);
    if (taken == 0) break;
    state.sources.push_back({.input = i, .columns = columns});
    for (std::size_t column = 0; column < taken; ++column) {
      state.column_names.push_back(columns == 1 ? name : name + "[" + std::to_string(column) + "]");
    }
    total += taken;
  }
  state.slices.emplace(total);
}

void Shadow::slice(State& state, const Mirror& mirror) {
  if (!state.slices) lay_out_columns(state, mirror);
  const std::size_t stride = state.slices->columns();
  if (stride == 0) return;
  for (const State::Source& source : state.sources) {
    if (source.input >= mirror.inputs.size()) return;
    if (judging::columns_of(mirror.inputs[source.input], mirror.rows) != source.columns) return;
  }
  const auto rows = static_cast<std::size_t>(mirror.rows);
  state.values.resize(rows * stride);
  std::size_t first = 0;
  for (const State::Source& source : state.sources) {
    const std::size_t taken = std::min(source.columns, stride - first);
    judging::read_columns(mirror.inputs[source.input], mirror.rows, taken, stride,
                          std::span(state.values).subspan(first));
    first += taken;
  }
  for (std::size_t row = 0; row < rows; ++row) {
    state.slices->add(std::span(state.values).subspan(row * stride, stride),
                      state.rows_agree[row] != 0);
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
    if (!outputs) return ExampleAnswer{.error = &outputs.error(), .outputs = {}};
    return ExampleAnswer{.error = nullptr, .outputs = named(specs, *outputs)};
  };
  const Mirror& mirror = answered.mirror;
  return example_json(mirror.request_id, named(mirror.signature->inputs, mirror.inputs),
                      answer(mirror.signature->outputs, mirror.outputs),
                      answer(answered.signature.outputs, answered.outputs));
}

}  // namespace penstock::serving
