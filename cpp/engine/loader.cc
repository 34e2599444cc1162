// SPDX-License-Identifier: Apache-2.0
#include "engine/loader.h"

#include <algorithm>
#include <string>
#include <utility>

#include "model/cost.h"
#include "model/identity_executor.h"
#include "model/native_executor.h"
#include "model/ort_executor.h"
#include "model/process_executor.h"

namespace penstock::engine {
namespace {

using base::Code;
using base::fail;
using base::Result;

Result<Executors> make_workers(const ModelSpec& spec, base::Log& log) {
  auto signature = model::declared_signature(spec.config);
  if (!signature) return std::unexpected(signature.error());
  auto made = model::ProcessExecutor::open({.model_name = spec.name,
                                            .version = std::to_string(spec.version),
                                            .signature = std::move(*signature),
                                            .worker = *spec.worker,
                                            .instances = spec.instance_count,
                                            .log = &log});
  if (!made) return std::unexpected(made.error());
  Executors executors;
  executors.push_back(std::move(*made));
  return executors;
}

// The inline lane is for executors that never enter Python, can be called by any io thread, and
// are done before anybody on that thread notices.
Result<serving::Lane> choose_lane(const ModelSpec& spec, const model::ExecutorTraits& traits,
                                  std::optional<base::Nanos> row_cost_ns) {
  const bool can_be_inline = traits.is_native && traits.is_thread_safe;
  switch (spec.lane) {
    case LaneWish::kBatch: return serving::Lane::kBatch;
    case LaneWish::kInline:
      if (can_be_inline) return serving::Lane::kInline;
      return fail(Code::kInvalidArgument, "backend " + spec.backend +
                                              " cannot run on the inline lane; it needs instance "
                                              "threads of its own");
    case LaneWish::kAuto: break;
  }
  const bool is_cheap = row_cost_ns && *row_cost_ns < model::kInlineRowCostMax;
  return can_be_inline && is_cheap ? serving::Lane::kInline : serving::Lane::kBatch;
}

Result<std::vector<std::vector<std::string>>> labels_in_order(const ModelSpec& spec,
                                                              const base::Signature& signature) {
  std::vector<std::vector<std::string>> labels;
  for (const auto& [output, lines] : spec.labels) {
    const auto found = std::ranges::find(signature.outputs, output, &base::TensorSpec::name);
    if (found == signature.outputs.end()) {
      return fail(Code::kInvalidArgument, "labels: the model has no output '" + output + "'");
    }
    labels.resize(signature.outputs.size());
    labels[static_cast<std::size_t>(found - signature.outputs.begin())] = lines;
  }
  return labels;
}

telemetry::DetailOptions detail_of(const ModelSpec& spec, const MetricsOptions& metrics) {
  telemetry::DetailOptions detail{.has_quantiles = metrics.exposition.has_summaries,
                                  .quantiles = metrics.quantiles};
  if (metrics.exposition.has_histograms) detail.bounds_ns = spec.metric_bounds_ns;
  return detail;
}

}  // namespace

Result<Executors> make_executors(const ModelSpec& spec, Executors given,
                                 const model::OrtRuntime* ort, base::Log& log) {
  if (spec.worker) return make_workers(spec, log);
  if (spec.backend == "python") {
    if (given.empty()) return fail(Code::kInternal, "a Python model without an instance");
    return given;
  }
  Executors executors;
  if (spec.backend == "identity") {
    auto made = model::IdentityExecutor::make(spec.config);
    if (!made) return std::unexpected(made.error());
    executors.push_back(std::move(*made));
    return executors;
  }
  if (spec.backend == "native") {
    auto made = model::NativeExecutor::load(spec.model_path, spec.config, ort,
                                            spec.batch_rows_default, spec.native_threads);
    if (!made) return std::unexpected(made.error());
    executors.push_back(std::move(*made));
    return executors;
  }
  if (spec.backend != "onnxruntime") {
    return fail(Code::kInvalidArgument, "backend \"" + spec.backend +
                                            "\" is not one of onnxruntime, native, identity, "
                                            "python");
  }
  if (ort == nullptr) {
    return fail(Code::kFailedPrecondition,
                "backend onnxruntime: ONNX Runtime is not installed; pip install onnxruntime");
  }
  auto made = model::OrtExecutor::load(*ort, spec.model_path, spec.ort, spec.config,
                                       spec.batch_rows_default);
  if (!made) return std::unexpected(made.error());
  executors.push_back(std::move(*made));
  return executors;
}

std::string_view name_of(LoadStage stage) {
  switch (stage) {
    case LoadStage::kModel: return "";
    case LoadStage::kSmoke: return "smoke";
    case LoadStage::kWarmup: return "warmup";
  }
  return "";
}

std::expected<Loaded, LoadFailure> load_version(const ModelSpec& spec, Executors given,
                                                const model::OrtRuntime* ort, base::Log& log,
                                                const MetricsOptions& metrics,
                                                std::size_t io_threads,
                                                batching::Batcher::Deliver deliver) {
  const base::Nanos began_ns = spec.load_began_ns != 0 ? spec.load_began_ns : base::monotonic_now();
  auto executors = make_executors(spec, std::move(given), ort, log);
  if (!executors) return std::unexpected(executors.error());
  model::Executor& first = *executors->front();
  auto reshaping = model::find_reshaping(spec.config, first.signature());
  if (!reshaping) return std::unexpected(reshaping.error());
  LoadedModel model{.signature = *reshaping ? (*reshaping)->signature : first.signature()};
  auto labels = labels_in_order(spec, model.signature);
  if (!labels) return std::unexpected(labels.error());
  for (const auto& executor : *executors) {
    if (!spec.smoke) break;
    if (auto smoked = model::run_smoke(*spec.smoke, *reshaping, *executor); !smoked) {
      return std::unexpected(LoadFailure(smoked.error(), LoadStage::kSmoke));
    }
  }
  // A Python model decides by itself what it is warmed up with.
  if (first.traits().is_native) model.row_cost_ns = model::measure_row_cost(first);
  const auto lane = choose_lane(spec, first.traits(), model.row_cost_ns);
  if (!lane) return std::unexpected(lane.error());
  model.lane = *lane;
  for (const auto& executor : *executors) {
    if (auto warm = model::run_warmups(spec.warmups, *reshaping, *executor); !warm) {
      return std::unexpected(LoadFailure(warm.error(), LoadStage::kWarmup));
    }
  }

  serving::Version::Options options{.name = spec.name,
                                    .number = spec.version,
                                    .platform = spec.platform,
                                    .notes = spec.notes,
                                    .lane = *lane,
                                    .queue = spec.queue,
                                    .instance_count = spec.instance_count,
                                    .metric_tags = spec.metric_tags,
                                    .metric_detail = detail_of(spec, metrics),
                                    .load_ns = base::monotonic_now() - began_ns,
                                    .log = &log,
                                    .reshaping = *std::move(reshaping),
                                    .labels = *std::move(labels)};
  options.queue.model_name = spec.name;
  options.queue.policy.batch_rows_max = model.signature.batch_rows_max;
  if (!first.traits().gains_from_batching) options.queue.policy.batch_tickets_max = 1;
  return Loaded{.version = std::make_shared<serving::Version>(
                    std::move(options), std::move(*executors), io_threads, std::move(deliver)),
                .model = std::move(model)};
}

}  // namespace penstock::engine
