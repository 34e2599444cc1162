// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <string>
#include <vector>

#include "golden/wire.h"
#include "harness.h"
#include "wire/v2_messages.h"
#include "wire_messages.h"

namespace penstock {
namespace {

using testing::sized_field;
using testing::unhex;
using testing::varint_field;

TEST(wire_v2_messages, a_model_query_has_name_and_version) {
  const std::string message = unhex(golden::kModelQuery);
  const auto query = wire::decode_model_query(message);
  REQUIRE(query.has_value());
  EXPECT_EQ(query->name, "wide");
  EXPECT_EQ(query->version, "7");
  const auto empty = wire::decode_model_query("");
  REQUIRE(empty.has_value());
  EXPECT_EQ(empty->name, "");
  EXPECT_EQ(empty->version, "");
}

TEST(wire_v2_messages, queries_skip_unknown_fields_and_take_the_last_of_several) {
  const std::string message =
      sized_field(1, "old") + varint_field(9, 1) + sized_field(1, "new") + varint_field(2, 3);
  const auto query = wire::decode_model_query(message);
  REQUIRE(query.has_value());
  EXPECT_EQ(query->name, "new");
  const auto service = wire::decode_health_request(message);
  REQUIRE(service.has_value());
  EXPECT_EQ(*service, "new");
}

TEST(wire_v2_messages, every_truncation_is_refused_or_read) {
  const std::string whole = unhex(golden::kModelQuery);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::vector<char> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const std::string_view message(part.data(), part.size());
    const auto query = wire::decode_model_query(message);
    const bool is_whole_field = size == 0 || size == 6;
    EXPECT_EQ(query.has_value(), is_whole_field);
    if (!query) {
      EXPECT_EQ(query.error().code, base::Code::kInvalidArgument);
      EXPECT_EQ(query.error().why,
                "the message is not a well-formed request that names a model: it ends inside a "
                "field");
    }
    const auto service = wire::decode_health_request(message);
    EXPECT_EQ(service.has_value(), is_whole_field);
  }
}

TEST(wire_v2_messages, names_that_are_not_utf8_are_refused) {
  const std::string bad = sized_field(1, "\xff");
  const auto query = wire::decode_model_query(bad);
  REQUIRE(!query.has_value());
  EXPECT_EQ(query.error().why, "name is not valid UTF-8");
  const auto version = wire::decode_model_query("\x12\x01\xff");
  REQUIRE(!version.has_value());
  EXPECT_EQ(version.error().why, "version is not valid UTF-8");
  const auto service = wire::decode_health_request(bad);
  REQUIRE(!service.has_value());
  EXPECT_EQ(service.error().why, "service is not valid UTF-8");
}

TEST(wire_v2_messages, flags_and_states_are_one_field) {
  EXPECT_EQ(wire::encode_flag(true), "\x08\x01");
  EXPECT_EQ(wire::encode_flag(false), "");
  EXPECT_EQ(wire::encode_health_answer(wire::ServingStatus::kUnknown), "");
  EXPECT_EQ(wire::encode_health_answer(wire::ServingStatus::kServing), "\x08\x01");
  EXPECT_EQ(wire::encode_health_answer(wire::ServingStatus::kNotServing), "\x08\x02");
  EXPECT_EQ(wire::encode_health_answer(wire::ServingStatus::kServiceUnknown), "\x08\x03");
}

TEST(wire_v2_messages, server_metadata_is_what_another_implementation_writes) {
  constexpr std::array<std::string_view, 2> kExtensions = {"parameters", "statistics"};
  EXPECT_EQ(wire::encode_server_metadata({"penstock", "1.2", kExtensions}),
            unhex(golden::kServerMetadata));
}

TEST(wire_v2_messages, model_metadata_is_what_another_implementation_writes) {
  const std::vector<std::string> versions = {"1", "7"};
  const base::Signature batching{
      .inputs = {{.name = "x", .dtype = base::DType::kFp32, .dims = {16}},
                 {.name = "words", .dtype = base::DType::kBytes, .dims = {-1, 300}}},
      .outputs = {{.name = "scores", .dtype = base::DType::kFp16, .dims = {}}},
      .batch_rows_max = 8};
  EXPECT_EQ(wire::encode_model_metadata({"wide", versions, "onnxruntime_onnx", &batching}),
            unhex(golden::kModelMetadata));
  const base::Signature plain{
      .inputs = {{.name = "x", .dtype = base::DType::kFp32, .dims = {-1, 16}},
                 {.name = "words", .dtype = base::DType::kBytes, .dims = {-1, -1, 300}}},
      .outputs = {{.name = "scores", .dtype = base::DType::kFp16, .dims = {-1}}}};
  EXPECT_EQ(wire::encode_model_metadata({"wide", versions, "onnxruntime_onnx", &plain}),
            unhex(golden::kModelMetadata));
}

// Golden bytes by hand, from the field numbers: OIP's properties are 6, a map of texts; MLServer's
// parameters of a tensor are 4, a map of InferParameter, whose string is 3.
TEST(wire_v2_messages, a_models_notes_are_told_in_oips_and_mlservers_fields) {
  const base::Signature signature{
      .inputs = {{.name = "x", .dtype = base::DType::kInt8, .dims = {2}}},
      .outputs = {{.name = "y", .dtype = base::DType::kInt8, .dims = {2}}}};
  const wire::ModelNotes notes{.properties = {{"a", "b"}, {"empty", ""}},
                               .tensors = {{.tensor = "x", .name = "t", .value = "np"},
                                           {.tensor = "absent", .name = "t", .value = "np"}}};
  const std::string_view bytes =
      "\x0a\x01m"
      "\x22\x17\x0a\x01x\x12\x04INT8\x1a\x01\x02\x22\x09\x0a\x01t\x12\x04\x1a\x02np"
      "\x2a\x0c\x0a\x01y\x12\x04INT8\x1a\x01\x02"
      "\x32\x06\x0a\x01"
      "a\x12\x01"
      "b"
      "\x32\x07\x0a\x05"
      "empty";
  EXPECT_EQ(
      wire::encode_model_metadata(
          {.name = "m", .versions = {}, .platform = "", .signature = &signature, .notes = &notes}),
      bytes);
  EXPECT_EQ(
      wire::encode_model_metadata(
          {.name = "m", .versions = {}, .platform = "", .signature = &signature}),
      wire::encode_model_metadata(
          {.name = "m", .versions = {}, .platform = "", .signature = &signature, .notes = {}}));
}

}  // namespace
}  // namespace penstock
