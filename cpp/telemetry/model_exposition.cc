// SPDX-License-Identifier: Apache-2.0
#include "telemetry/model_exposition.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace penstock::telemetry {
namespace {

using Type = ExpositionText::Type;
using Labels = std::vector<Label>;

// A version with the labels that all of its samples have.
struct Labelled {
  const ModelSample* sample;
  Labels labels;
};
using Models = std::span<const Labelled>;

// A duration under the names of its three forms.
struct DurationNames {
  Duration duration;
  DurationCounts ModelCounts::*counts;
  std::string_view counter;
  std::string_view histogram;
  std::string_view summary;
  std::string_view help;  // behind "Cumulative", "Distribution of the" or "Summary of the"
};

constexpr std::array<DurationNames, kDurationCount> kDurations = {{
    {Duration::kRequest, &ModelCounts::request, "nv_inference_request_duration_us",
     "nv_inference_request_duration_histogram_us", "nv_inference_request_summary_us",
     "duration of successful inference requests in microseconds"},
    {Duration::kQueue, &ModelCounts::queue, "nv_inference_queue_duration_us",
     "nv_inference_queue_duration_histogram_us", "nv_inference_queue_summary_us",
     "duration of waiting in the queue in microseconds"},
    {Duration::kComputeInput, &ModelCounts::compute_input, "nv_inference_compute_input_duration_us",
     "nv_inference_compute_input_duration_histogram_us", "nv_inference_compute_input_summary_us",
     "duration of gathering inputs in microseconds"},
    {Duration::kComputeInfer, &ModelCounts::compute_infer, "nv_inference_compute_infer_duration_us",
     "nv_inference_compute_infer_duration_histogram_us", "nv_inference_compute_infer_summary_us",
     "duration of executing the model in microseconds"},
    {Duration::kComputeOutput, &ModelCounts::compute_output,
     "nv_inference_compute_output_duration_us", "nv_inference_compute_output_duration_histogram_us",
     "nv_inference_compute_output_summary_us", "duration of scattering outputs in microseconds"},
}};

// A bucket's bound by powers of two, in thousandths of its unit.
template <std::size_t kBuckets>
constexpr std::array<std::uint64_t, kBuckets> powers_of_two() {
  std::array<std::uint64_t, kBuckets> bounds{};
  for (std::size_t i = 0; i < kBuckets; ++i) {
    bounds[i] = HistogramCounts<kBuckets>::upper_bound(i) * 1000;
  }
  return bounds;
}
constexpr auto kDurationBounds = powers_of_two<kDurationBuckets>();
constexpr auto kRowsBounds = powers_of_two<kRowsBuckets>();

// A family with one sample per version: value_of(counts).
template <class ValueOf>
void model_family(ExpositionText& text, Models models, Type type, std::string_view name,
                  std::string_view help, ValueOf value_of) {
  text.family(name, type, help);
  for (const Labelled& model : models) text.sample(model.labels, value_of(model.sample->counts));
}

void expose_requests(ExpositionText& text, Models models) {
  model_family(text, models, Type::kCounter, "nv_inference_request_success",
               "Number of successful inference requests, all batch sizes",
               [](const ModelCounts& counts) { return counts.success; });

  static constexpr std::array<std::string_view, kFailureReasonCount> kReasons = {
      "REJECTED", "CANCELED", "BACKEND", "OTHER"};  // in the order of FailureReason
  text.family("nv_inference_request_failure", Type::kCounter,
              "Number of failed inference requests, all batch sizes, by reason");
  for (const Labelled& model : models) {
    Labels labels = model.labels;
    labels.insert(labels.begin() + 2, Label{"reason", {}});
    for (std::size_t i = 0; i < kReasons.size(); ++i) {
      labels[2].value = kReasons[i];
      text.sample(labels, model.sample->counts.failures[i]);
    }
  }

  model_family(text, models, Type::kCounter, "nv_inference_count",
               "Number of inferences performed: rows of successful requests",
               [](const ModelCounts& counts) { return counts.inferences; });
  model_family(text, models, Type::kCounter, "nv_inference_exec_count",
               "Number of model executions performed: batches",
               [](const ModelCounts& counts) { return counts.batches; });
  model_family(text, models, Type::kGauge, "nv_inference_pending_request_count",
               "Number of requests that wait in the queue", [](const ModelCounts& counts) {
                 return static_cast<std::uint64_t>(std::max<std::int64_t>(counts.pending, 0));
               });
}

void expose_histogram(ExpositionText& text, const Labelled& model, const DurationNames& names) {
  const ModelCounts& counts = model.sample->counts;
  const DurationCounts& durations = counts.*names.counts;
  const ExactCounts& exact = counts.exact[static_cast<std::size_t>(names.duration)];
  if (exact.bounds_ns.empty()) {
    text.histogram(model.labels, kDurationBounds, durations.buckets, durations.sum);
    return;
  }
  // Nanoseconds are thousandths of microseconds.
  const std::vector<std::uint64_t> bounds(exact.bounds_ns.begin(), exact.bounds_ns.end());
  text.histogram(model.labels, bounds, exact.buckets, durations.sum);
}

void expose_summary(ExpositionText& text, const Labelled& model, const DurationNames& names) {
  const DurationCounts& durations = model.sample->counts.*names.counts;
  const auto& quantiles = model.sample->quantiles[static_cast<std::size_t>(names.duration)];
  for (const QuantileSample& one : quantiles) text.quantile(model.labels, one.quantile, one.ns);
  text.totals(model.labels, durations.sum, durations.count());
}

void expose_durations(ExpositionText& text, Models models, const ExpositionSettings& settings) {
  std::string help;
  for (const DurationNames& names : kDurations) {
    if (!settings.has_counters) break;
    help.assign("Cumulative ").append(names.help);
    // Cumulated nanoseconds, of which the whole microseconds are shown.
    model_family(text, models, Type::kCounter, names.counter, help,
                 [&names](const ModelCounts& counts) { return (counts.*names.counts).sum / 1000; });
  }
  for (const DurationNames& names : kDurations) {
    if (!settings.has_histograms) break;
    help.assign("Distribution of the ").append(names.help);
    text.family(names.histogram, Type::kHistogram, help);
    for (const Labelled& model : models) expose_histogram(text, model, names);
  }
  for (const DurationNames& names : kDurations) {
    if (!settings.has_summaries) break;
    help.assign("Summary of the ").append(names.help).append(", over the last minute");
    text.family(names.summary, Type::kSummary, help);
    for (const Labelled& model : models) expose_summary(text, model, names);
  }
}

void expose_load(ExpositionText& text, Models models) {
  text.family("nv_model_load_duration_secs", Type::kGauge, "Model load time in seconds");
  for (const Labelled& model : models) {
    const base::Nanos load_us = std::max<base::Nanos>(model.sample->load_ns, 0) / 1000;
    text.sample_real(model.labels, static_cast<double>(load_us) / 1e6);
  }
}

void expose_own(ExpositionText& text, Models models) {
  text.family("penstock_batch_rows", Type::kHistogram, "Rows of the batches executed");
  for (const Labelled& model : models) {
    const RowsCounts& counts = model.sample->counts.batch_rows;
    text.histogram(model.labels, kRowsBounds, counts.buckets, counts.sum * 1000);
  }
  model_family(text, models, Type::kCounter, "penstock_requests_refused_total",
               "Requests refused because the model's queue was full",
               [](const ModelCounts& counts) { return counts.refused; });
  model_family(text, models, Type::kCounter, "penstock_requests_expired_total",
               "Requests whose deadline passed before they were answered",
               [](const ModelCounts& counts) { return counts.expired; });
  text.family("penstock_last_inference_timestamp_seconds", Type::kGauge,
              "When a batch was last executed, in seconds since 1970; 0 if never");
  for (const Labelled& model : models) {
    text.sample_thousandths(model.labels, model.sample->counts.last_inference_ms);
  }
}

// Of models that run in processes of their own; the others have no sample.
void expose_workers(ExpositionText& text, Models models) {
  const auto family = [&](Type type, std::string_view name, std::string_view help,
                          std::uint64_t ModelCounts::*value) {
    text.family(name, type, help);
    for (const Labelled& model : models) {
      const ModelCounts& counts = model.sample->counts;
      if (counts.has_workers) text.sample(model.labels, counts.*value);
    }
  };
  family(Type::kGauge, "penstock_model_workers_up",
         "Worker processes of the model that can run a batch", &ModelCounts::workers_up);
  family(Type::kCounter, "penstock_model_worker_restarts_total",
         "Worker processes of the model that were started again after their end",
         &ModelCounts::worker_restarts);
}

}  // namespace

void expose_models(ExpositionText& text, std::span<const ModelSample> samples,
                   const ExpositionSettings& settings) {
  std::vector<Labelled> models;
  models.reserve(samples.size());
  for (const ModelSample& sample : samples) {
    Labels labels = {{"model", sample.model}, {"version", sample.version}};
    if (sample.tags != nullptr) {
      for (const auto& [name, value] : *sample.tags) labels.push_back({name, value});
    }
    models.push_back({.sample = &sample, .labels = std::move(labels)});
  }
  expose_requests(text, models);
  expose_durations(text, models, settings);
  expose_load(text, models);
  expose_own(text, models);
  expose_workers(text, models);
}

}  // namespace penstock::telemetry
