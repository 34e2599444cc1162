// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "harness.h"
#include "model/ort_runtime.h"
#include "model_fixtures.h"

namespace penstock::model {
namespace {

TEST(model_ort_runtime, opens_the_installed_library) {
  OPEN_ONNXRUNTIME(runtime);
  EXPECT(runtime.version().starts_with("1."));
  EXPECT(std::ranges::find(runtime.providers(), "CPUExecutionProvider") !=
         runtime.providers().end());
  EXPECT(runtime.env() != nullptr);
  EXPECT(runtime.cpu_memory() != nullptr);
  EXPECT(runtime.allocator() != nullptr);
}

TEST(model_ort_runtime, a_library_that_is_missing_is_refused_by_name) {
  const auto opened = OrtRuntime::open({.library = "/nowhere/libonnxruntime.so"});
  REQUIRE(!opened.has_value());
  EXPECT_EQ(opened.error().code, base::Code::kNotFound);
  EXPECT_CONTAINS(opened.error().why, "/nowhere/libonnxruntime.so");
}

TEST(model_ort_runtime, a_library_that_is_another_is_refused_by_name) {
  const auto opened = OrtRuntime::open({.library = "libm.so.6"});
  REQUIRE(!opened.has_value());
  EXPECT_CONTAINS(opened.error().why, "'libm.so.6' is not ONNX Runtime");
}

TEST(model_ort_runtime, opens_the_libraries_that_must_come_first) {
  const char* const library = std::getenv("PENSTOCK_ONNXRUNTIME");
  REQUIRE(library != nullptr);
  EXPECT(OrtRuntime::open({.library = library, .preloads = {"libm.so.6", "libdl.so.2"}}));
  const auto opened =
      OrtRuntime::open({.library = library, .preloads = {"libm.so.6", "libcublas.so.nowhere"}});
  REQUIRE(!opened.has_value());
  EXPECT_CONTAINS(opened.error().why, "libcublas.so.nowhere");
}

TEST(model_ort_runtime, an_error_of_the_library_becomes_one_line_with_a_code) {
  OPEN_ONNXRUNTIME(runtime);
  const auto done = runtime.attempt("do it", ort::kCreateStatus, ort::kBadArgument, "two\nlines");
  REQUIRE(!done.has_value());
  EXPECT_EQ(done.error().code, base::Code::kInvalidArgument);
  EXPECT_EQ(done.error().why, "onnxruntime could not do it: two lines");
}

}  // namespace
}  // namespace penstock::model
