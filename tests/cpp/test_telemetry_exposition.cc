// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "harness.h"
#include "telemetry/exposition.h"
#include "telemetry/exposition_text.h"

namespace penstock::telemetry {
namespace {

using Type = ExpositionText::Type;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(telemetry_exposition, a_family_is_help_type_and_samples) {
  ExpositionText text;
  text.family("a_total", Type::kCounter, "What it is");
  text.sample({}, 7);
  text.sample({{"x", "1"}, {"y", "two"}}, 18'446'744'073'709'551'615U);
  EXPECT_EQ(text.take(),
            "# HELP a_total What it is\n# TYPE a_total counter\na_total 7\n"
            "a_total{x=\"1\",y=\"two\"} 18446744073709551615\n");
}

TEST(telemetry_exposition, label_values_are_escaped) {
  ExpositionText text;
  text.family("g", Type::kGauge, "G");
  text.sample({{"model", "a\"b\\c\nd{}=,"}}, 1);
  text.sample({{"model",
                "m\xC3\xB6"
                "del\xFF"}},
              1);
  const auto lines = lines_of(text.take());
  EXPECT_EQ(lines[2], R"(g{model="a\"b\\c\nd{}=,"} 1)");
  EXPECT_EQ(lines[3],
            "g{model=\"m\xC3\xB6"
            "del\xEF\xBF\xBD\"} 1");
}

TEST(telemetry_exposition, a_histogram_is_cumulative_and_ends_in_infinity) {
  ExpositionText text;
  text.family("h", Type::kHistogram, "H");
  const std::vector<std::uint64_t> buckets = {3, 0, 2, 1};
  const std::vector<std::uint64_t> bounds = {500, 2000, 4000};
  text.histogram(std::vector<Label>{{"m", "x"}}, bounds, buckets, 12'345);
  EXPECT_EQ(text.take(),
            "# HELP h H\n# TYPE h histogram\n"
            "h_bucket{m=\"x\",le=\"0.5\"} 3\nh_bucket{m=\"x\",le=\"2\"} 3\n"
            "h_bucket{m=\"x\",le=\"4\"} 5\nh_bucket{m=\"x\",le=\"+Inf\"} 6\n"
            "h_sum{m=\"x\"} 12.345\nh_count{m=\"x\"} 6\n");
}

TEST(telemetry_exposition, a_summary_has_quantiles_and_totals) {
  ExpositionText text;
  text.family("s", Type::kSummary, "S");
  text.quantile(std::vector<Label>{{"m", "x"}}, 0.999, 1'250);
  text.quantile({}, 0.5, {});
  text.totals(std::vector<Label>{{"m", "x"}}, 3'000, 2);
  EXPECT_EQ(text.take(),
            "# HELP s S\n# TYPE s summary\ns{m=\"x\",quantile=\"0.999\"} 1.25\n"
            "s{quantile=\"0.5\"} NaN\ns_sum{m=\"x\"} 3\ns_count{m=\"x\"} 2\n");
}

TEST(telemetry_exposition, thousandths_are_exact) {
  ExpositionText text;
  text.family("g", Type::kGauge, "G");
  for (const std::uint64_t thousands : {0U, 1U, 1000U, 1050U, 999U}) {
    text.sample_thousandths({}, thousands);
  }
  const std::vector<std::string> expected = {"g 0", "g 0.001", "g 1", "g 1.05", "g 0.999"};
  const auto lines = lines_of(text.take());
  EXPECT_EQ(std::vector<std::string>(lines.begin() + 2, lines.end()), expected);
}

std::vector<ModelSample> two_models() {
  ModelMetrics metrics(1);
  ModelShard& shard = metrics.shard(0);
  shard.record_success({.rows = 5,
                        .request_ns = 3'500'999,
                        .queue_ns = 1'000,
                        .compute_input_ns = 2'999,
                        .compute_infer_ns = 800'000,
                        .compute_output_ns = 1'000});
  shard.record_batch({.rows = 5}, 1'700'000'000'123);
  shard.record_refused(10);
  shard.record_expired(10);
  shard.record_failure(FailureReason::kCanceled, 10);
  ModelCounts income = metrics.counts();
  income.pending = 4;
  return {{.model = "income", .version = "1", .counts = income, .load_ns = 1'500'000'000},
          {.model = "a \"b\"", .version = "12"}};
}

TEST(telemetry_exposition, tritons_counters_have_tritons_names_and_units) {
  const auto models = two_models();
  const std::string page = "\n" + expose({}, models);
  for (
      const char* line : {
          R"(nv_inference_request_success{model="income",version="1"} 1)",
          R"(nv_inference_request_failure{model="income",version="1",reason="REJECTED"} 2)",
          R"(nv_inference_request_failure{model="income",version="1",reason="CANCELED"} 1)",
          R"(nv_inference_request_failure{model="income",version="1",reason="BACKEND"} 0)",
          R"(nv_inference_request_failure{model="income",version="1",reason="OTHER"} 0)",
          R"(nv_inference_count{model="income",version="1"} 5)",
          R"(nv_inference_exec_count{model="income",version="1"} 1)",
          R"(nv_inference_request_duration_us{model="income",version="1"} 3500)",
          R"(nv_inference_queue_duration_us{model="income",version="1"} 1)",
          R"(nv_inference_compute_input_duration_us{model="income",version="1"} 2)",
          R"(nv_inference_compute_infer_duration_us{model="income",version="1"} 800)",
          R"(nv_inference_compute_output_duration_us{model="income",version="1"} 1)",
          R"(nv_inference_pending_request_count{model="income",version="1"} 4)",
          R"(nv_inference_compute_output_duration_histogram_us_count{model="income",version="1"} 1)",
          R"(nv_model_load_duration_secs{model="income",version="1"} 1.5)",
          R"(nv_inference_request_duration_histogram_us_sum{model="income",version="1"} 3500.999)",
          R"(nv_inference_queue_duration_histogram_us_bucket{model="income",version="1",le="1"} 1)",
          R"(nv_inference_compute_infer_duration_histogram_us_count{model="income",version="1"} 1)",
          R"(nv_inference_request_success{model="a \"b\"",version="12"} 0)",
      }) {
    EXPECT_CONTAINS(page, "\n" + std::string(line) + "\n");
  }
}

TEST(telemetry_exposition, the_rest_has_names_of_its_own) {
  const auto models = two_models();
  ServerCounts server;
  server.connections_accepted = 9;
  server.connections_closed[static_cast<std::size_t>(CloseReason::kDrain)] = 2;
  server.answers[static_cast<std::size_t>(base::Code::kDeadlineExceeded)] = 3;
  server.bytes_sent = 77;
  server.accept_failures = 5;
  server.connections_by_thread = {3, 4};
  const std::string page = "\n" + expose(server, models);
  for (
      const char* line : {
          R"(penstock_batch_rows_bucket{model="income",version="1",le="4"} 0)",
          R"(penstock_batch_rows_bucket{model="income",version="1",le="8"} 1)",
          R"(penstock_batch_rows_sum{model="income",version="1"} 5)",
          R"(penstock_requests_refused_total{model="income",version="1"} 1)",
          R"(penstock_requests_expired_total{model="income",version="1"} 1)",
          R"(penstock_last_inference_timestamp_seconds{model="income",version="1"} 1700000000.123)",
          R"(penstock_connections_open 7)",
          R"(penstock_io_thread_connections{thread="0"} 3)",
          R"(penstock_io_thread_connections{thread="1"} 4)",
          R"(penstock_accept_failures_total 5)",
          R"(penstock_connections_closed_total{reason="drain"} 2)",
          R"(penstock_grpc_answers_total{code="DEADLINE_EXCEEDED"} 3)",
          R"(penstock_sent_bytes_total 77)",
      }) {
    EXPECT_CONTAINS(page, "\n" + std::string(line) + "\n");
  }
}

TEST(telemetry_exposition, a_family_appears_once_with_all_its_samples_after_it) {
  const auto models = two_models();
  std::set<std::string> families;
  std::string family;
  for (const std::string& line : lines_of(expose({}, models))) {
    if (line.starts_with("# HELP ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT(families.insert(family).second);
    } else if (line.starts_with("# TYPE ")) {
      EXPECT_EQ(line.substr(7, line.find(' ', 7) - 7), family);
    } else {
      EXPECT(line.starts_with(family));
    }
  }
  EXPECT_EQ(families.size(), 35);
}

TEST(telemetry_exposition, only_models_in_processes_of_their_own_have_samples_of_workers) {
  auto models = two_models();
  models[0].counts.has_workers = true;
  models[0].counts.workers_up = 2;
  models[0].counts.worker_restarts = 5;
  const std::string page = expose({}, models);
  const std::string labels = "{model=\"" + std::string(models[0].model) + "\",version=\"" +
                             std::string(models[0].version) + "\"} ";
  EXPECT_CONTAINS(page, "gauge\npenstock_model_workers_up" + labels + "2\n#");
  EXPECT_CONTAINS(page, "counter\npenstock_model_worker_restarts_total" + labels + "5\n#");
}

TEST(telemetry_exposition, each_form_of_durations_can_be_left_out) {
  const auto models = two_models();
  const auto has = [&](const ExpositionSettings& settings, const std::string& name) {
    return expose({}, models, {}, settings).contains("\n" + name + "{");
  };
  const std::string counter = "nv_inference_queue_duration_us";
  const std::string histogram = "nv_inference_queue_duration_histogram_us_bucket";
  const std::string summary = "nv_inference_queue_summary_us_count";
  const ExpositionSettings none{.has_counters = false, .has_histograms = false};
  EXPECT(!has(none, counter) && !has(none, histogram) && !has(none, summary));
  EXPECT(has(none, "nv_inference_request_success"));
  const ExpositionSettings all{.has_summaries = true};
  EXPECT(has(all, counter) && has(all, histogram) && has(all, summary));
}

TEST(telemetry_exposition, a_version_may_have_buckets_labels_and_quantiles_of_its_own) {
  DetailOptions detail{.has_quantiles = true, .quantiles = {0.5, 0.99}};
  detail.bounds_ns[0] = {250'500, 4'000'000};
  ModelMetrics metrics(2, 4, detail);
  metrics.shard(0).record_success({.request_ns = 250'501, .queue_ns = 1000});
  metrics.shard(1).record_success({.request_ns = 250'500, .queue_ns = 1000});
  const MetricTags tags = {{"_team", "a\"b"}};
  const std::vector<ModelSample> models = {{.model = "m",
                                            .version = "1",
                                            .counts = metrics.counts(),
                                            .tags = &tags,
                                            .quantiles = metrics.quantiles(base::kSecond)}};
  const std::string page = expose({}, models, {}, {.has_summaries = true});
  const std::string labels = "{model=\"m\",version=\"1\",_team=\"a\\\"b\"";
  for (const std::string& line : {
           "nv_inference_request_duration_histogram_us_bucket" + labels + ",le=\"250.5\"} 1",
           "nv_inference_request_duration_histogram_us_bucket" + labels + ",le=\"4000\"} 2",
           "nv_inference_request_duration_histogram_us_bucket" + labels + ",le=\"+Inf\"} 2",
           "nv_inference_request_duration_histogram_us_sum" + labels + "} 501.001",
           "nv_inference_queue_duration_histogram_us_bucket" + labels + ",le=\"1\"} 2",
           "nv_inference_queue_summary_us" + labels + ",quantile=\"0.99\"} 1",
           "nv_inference_queue_summary_us_sum" + labels + "} 2",
           "nv_inference_queue_summary_us_count" + labels + "} 2",
       }) {
    EXPECT_CONTAINS(page, "\n" + line + "\n");
  }
  EXPECT_CONTAINS(
      page, "nv_inference_request_failure{model=\"m\",version=\"1\",reason=\"REJECTED\",_team=");
  EXPECT(!page.contains("le=\"250.501\""));
}

TEST(telemetry_exposition, a_machine_is_told_with_what_it_tells) {
  GpuSample gpu;
  gpu.uuid = "GPU-1";
  gpu.utilization = 0.25;
  gpu.memory_used_bytes = 80'000'000'000;
  const std::string page =
      expose({}, {},
             {.cpu = CpuSample{.utilization = 0.5, .memory = {.total_bytes = 9, .used_bytes = 4}},
              .gpus = {gpu}});
  for (const char* line :
       {"nv_cpu_utilization 0.5", "nv_cpu_memory_total_bytes 9", "nv_cpu_memory_used_bytes 4",
        "nv_gpu_utilization{gpu_uuid=\"GPU-1\"} 0.25",
        "nv_gpu_memory_used_bytes{gpu_uuid=\"GPU-1\"} 80000000000"}) {
    EXPECT_CONTAINS(page, "\n" + std::string(line) + "\n");
  }
  EXPECT(!page.contains("nv_gpu_power_usage{"));
  EXPECT(!expose({}, {}).contains("nv_gpu"));
  EXPECT(!expose({}, {}).contains("nv_cpu"));
}

TEST(telemetry_exposition, a_server_without_models_has_a_page) {
  EXPECT_CONTAINS(expose({}, {}), "penstock_connections_open 0\n");
}

}  // namespace
}  // namespace penstock::telemetry
