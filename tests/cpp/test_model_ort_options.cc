// SPDX-License-Identifier: Apache-2.0
#include "harness.h"
#include "model/ort_options.h"
#include "model_fixtures.h"

namespace penstock::model {
namespace {

TEST(model_ort_options, a_provider_that_the_library_lacks_is_refused_with_those_it_has) {
  OPEN_ONNXRUNTIME(runtime);
  const auto made =
      make_session_options(runtime, {.providers = {{.name = "TpuExecutionProvider"}}});
  REQUIRE(!made.has_value());
  EXPECT_EQ(made.error().code, base::Code::kFailedPrecondition);
  EXPECT_CONTAINS(made.error().why, "'TpuExecutionProvider'");
  EXPECT_CONTAINS(made.error().why, "CPUExecutionProvider");
}

TEST(model_ort_options, the_cpu_is_there_under_any_of_its_names) {
  OPEN_ONNXRUNTIME(runtime);
  for (const char* const name : {"cpu", "CPU", "CPUExecutionProvider"}) {
    EXPECT(make_session_options(runtime, {.providers = {{.name = name}}}).has_value());
  }
}

TEST(model_ort_options, a_config_entry_without_a_name_is_refused) {
  OPEN_ONNXRUNTIME(runtime);
  EXPECT(!make_session_options(runtime, {.config_entries = {{"", "1"}}}).has_value());
}

}  // namespace
}  // namespace penstock::model
