// SPDX-License-Identifier: Apache-2.0
#include "telemetry/exposition.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "telemetry/exposition_text.h"

namespace penstock::telemetry {
namespace {

using Type = ExpositionText::Type;
using Models = std::span<const ModelSample>;
using ModelLabels = std::array<Label, 2>;

ModelLabels labels_of(const ModelSample& sample) {
  return {Label{"model", sample.model}, Label{"version", sample.version}};
}

// A family with one sample per model: value_of(counts).
template <class ValueOf>
void model_family(ExpositionText& text, Models models, Type type, std::string_view name,
                  std::string_view help, ValueOf value_of) {
  text.family(name, type, help);
  for (const ModelSample& sample : models) {
    text.sample(labels_of(sample), value_of(sample.counts));
  }
}

// A histogram of durations per model, in microseconds.
void duration_family(ExpositionText& text, Models models, std::string_view name,
                     std::string_view help, DurationCounts ModelCounts::*durations) {
  text.family(name, Type::kHistogram, help);
  for (const ModelSample& sample : models) {
    const DurationCounts& counts = sample.counts.*durations;
    text.histogram(labels_of(sample), counts.buckets, counts.sum);
  }
}

void expose_triton_requests(ExpositionText& text, Models models) {
  model_family(text, models, Type::kCounter, "nv_inference_request_success",
               "Number of successful inference requests, all batch sizes",
               [](const ModelCounts& counts) { return counts.success; });

  static constexpr std::array<std::string_view, kFailureReasonCount> kReasons = {
      "REJECTED", "CANCELED", "BACKEND", "OTHER"};  // in the order of FailureReason
  text.family("nv_inference_request_failure", Type::kCounter,
              "Number of failed inference requests, all batch sizes, by reason");
  for (const ModelSample& sample : models) {
    for (std::size_t i = 0; i < kReasons.size(); ++i) {
      text.sample({{"model", sample.model}, {"version", sample.version}, {"reason", kReasons[i]}},
                  sample.counts.failures[i]);
    }
  }

  model_family(text, models, Type::kCounter, "nv_inference_count",
               "Number of inferences performed: rows, where a request carries several",
               [](const ModelCounts& counts) { return counts.inferences; });
  model_family(text, models, Type::kCounter, "nv_inference_exec_count",
               "Number of model executions performed: batches",
               [](const ModelCounts& counts) { return counts.batches; });
  model_family(text, models, Type::kGauge, "nv_inference_pending_request_count",
               "Number of requests that wait in the queue", [](const ModelCounts& counts) {
                 return static_cast<std::uint64_t>(std::max<std::int64_t>(counts.pending, 0));
               });
}

void expose_triton_durations(ExpositionText& text, Models models) {
  // Cumulated nanoseconds, of which the whole microseconds are shown.
  model_family(text, models, Type::kCounter, "nv_inference_request_duration_us",
               "Cumulative duration of successful inference requests in microseconds",
               [](const ModelCounts& counts) { return counts.request.sum / 1000; });
  model_family(text, models, Type::kCounter, "nv_inference_queue_duration_us",
               "Cumulative duration of waiting in the queue in microseconds",
               [](const ModelCounts& counts) { return counts.queue.sum / 1000; });
  model_family(text, models, Type::kCounter, "nv_inference_compute_input_duration_us",
               "Cumulative duration of gathering inputs in microseconds",
               [](const ModelCounts& counts) { return counts.compute_input.sum / 1000; });
  model_family(text, models, Type::kCounter, "nv_inference_compute_infer_duration_us",
               "Cumulative duration of executing the model in microseconds",
               [](const ModelCounts& counts) { return counts.compute_infer.sum / 1000; });
  model_family(text, models, Type::kCounter, "nv_inference_compute_output_duration_us",
               "Cumulative duration of scattering outputs in microseconds",
               [](const ModelCounts& counts) { return counts.compute_output.sum / 1000; });

  duration_family(text, models, "nv_inference_request_duration_histogram_us",
                  "Duration of successful inference requests in microseconds",
                  &ModelCounts::request);
  duration_family(text, models, "nv_inference_queue_duration_histogram_us",
                  "Duration of waiting in the queue in microseconds", &ModelCounts::queue);
  duration_family(text, models, "nv_inference_compute_infer_duration_histogram_us",
                  "Duration of executing the model in microseconds, per request",
                  &ModelCounts::compute_infer);
}

void expose_own_model_families(ExpositionText& text, Models models) {
  text.family("penstock_batch_rows", Type::kHistogram, "Rows of the batches executed");
  for (const ModelSample& sample : models) {
    const RowsCounts& counts = sample.counts.batch_rows;
    text.histogram(labels_of(sample), counts.buckets, counts.sum * 1000);
  }
  model_family(text, models, Type::kCounter, "penstock_requests_refused_total",
               "Requests refused because the model's queue was full",
               [](const ModelCounts& counts) { return counts.refused; });
  model_family(text, models, Type::kCounter, "penstock_requests_expired_total",
               "Requests whose deadline passed before they were answered",
               [](const ModelCounts& counts) { return counts.expired; });
  text.family("penstock_last_inference_timestamp_seconds", Type::kGauge,
              "When a batch was last executed, in seconds since 1970; 0 if never");
  for (const ModelSample& sample : models) {
    text.sample_thousandths(labels_of(sample), sample.counts.last_inference_ms);
  }
}

// Of models that run in processes of their own; the others have no sample.
void expose_workers(ExpositionText& text, Models models) {
  text.family("penstock_model_workers_up", Type::kGauge,
              "Worker processes of the model that can run a batch");
  for (const ModelSample& sample : models) {
    if (sample.counts.has_workers) text.sample(labels_of(sample), sample.counts.workers_up);
  }
  text.family("penstock_model_worker_restarts_total", Type::kCounter,
              "Worker processes of the model that were started again after their end");
  for (const ModelSample& sample : models) {
    if (sample.counts.has_workers) text.sample(labels_of(sample), sample.counts.worker_restarts);
  }
}

void expose_server(ExpositionText& text, const ServerCounts& server) {
  const auto one = [&text](Type type, std::string_view name, std::string_view help,
                           std::uint64_t value) {
    text.family(name, type, help);
    text.sample({}, value);
  };
  one(Type::kGauge, "penstock_connections_open", "Connections that are open",
      server.connections_open());
  text.family("penstock_io_thread_connections", Type::kGauge,
              "Connections that are open, by the io thread that owns them");
  for (std::size_t i = 0; i < server.connections_by_thread.size(); ++i) {
    text.sample({{"thread", std::to_string(i)}}, server.connections_by_thread[i]);
  }
  one(Type::kCounter, "penstock_connections_accepted_total", "Connections accepted",
      server.connections_accepted);
  one(Type::kCounter, "penstock_connections_refused_total",
      "Connections closed at once because there were too many", server.connections_refused);
  one(Type::kCounter, "penstock_accept_failures_total",
      "Times that the system had no room for another connection", server.accept_failures);
  text.family("penstock_connections_closed_total", Type::kCounter,
              "Connections closed, by the reason");
  for (std::size_t i = 0; i < kCloseReasonCount; ++i) {
    text.sample({{"reason", name_of(static_cast<CloseReason>(i))}}, server.connections_closed[i]);
  }
  one(Type::kGauge, "penstock_streams_open", "HTTP/2 streams that are open", server.streams_open());
  one(Type::kCounter, "penstock_streams_opened_total", "HTTP/2 streams opened",
      server.streams_opened);
  text.family("penstock_grpc_answers_total", Type::kCounter,
              "Calls answered, whatever the method, by gRPC status");
  for (std::size_t i = 0; i < kCodeCount; ++i) {
    text.sample({{"code", base::name_of(static_cast<base::Code>(i))}}, server.answers[i]);
  }
  one(Type::kCounter, "penstock_replies_dropped_total",
      "Answers that were ready when their stream had gone", server.replies_dropped);
  one(Type::kCounter, "penstock_goaways_sent_total", "GOAWAY frames sent", server.goaways_sent);
  one(Type::kCounter, "penstock_received_bytes_total", "Bytes read from sockets",
      server.bytes_received);
  one(Type::kCounter, "penstock_sent_bytes_total", "Bytes written to sockets", server.bytes_sent);
}

}  // namespace

std::string expose(const ServerCounts& server, Models models) {
  ExpositionText text;
  expose_triton_requests(text, models);
  expose_triton_durations(text, models);
  expose_own_model_families(text, models);
  expose_workers(text, models);
  expose_server(text, server);
  return text.take();
}

}  // namespace penstock::telemetry
