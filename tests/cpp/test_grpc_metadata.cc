// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "grpc/field_list.h"
#include "grpc/metadata.h"
#include "harness.h"

namespace penstock::grpc {
namespace {

std::vector<std::string> decoded(std::string_view value) {
  return decode_binary_metadata({"k-bin", value}).value_or(std::vector<std::string>{"(refused)"});
}

// RFC 4648 section 10.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kVectors = {{
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
}};

TEST(grpc_metadata, base64_is_read_padded_and_unpadded) {
  for (const auto& [bytes, padded] : kVectors) {
    EXPECT_EQ(decoded(padded), std::vector<std::string>{std::string(bytes)});
    const std::string_view unpadded = padded.substr(0, padded.find('='));
    EXPECT_EQ(decoded(unpadded), std::vector<std::string>{std::string(bytes)});
  }
}

TEST(grpc_metadata, base64_is_written_unpadded) {
  for (const auto& [bytes, padded] : kVectors) {
    EXPECT_EQ(encode_binary_metadata(bytes), padded.substr(0, padded.find('=')));
  }
}

TEST(grpc_metadata, every_byte_comes_back) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  for (std::size_t skip = 0; skip < 4; ++skip) {
    const std::string some = bytes.substr(skip);
    EXPECT_EQ(decoded(encode_binary_metadata(some)), std::vector<std::string>{some});
  }
}

TEST(grpc_metadata, joined_values_are_split_before_they_are_decoded) {
  const std::vector<std::string> three = {"f", "foo", ""};
  EXPECT_EQ(decoded("Zg==,Zm9v,"), three);
  EXPECT_EQ(decoded("Zg, Zm9v ,"), three);
}

TEST(grpc_metadata, what_is_no_base64_is_refused_by_name) {
  for (const std::string_view value :
       {"Z", "Zm9vY", "Zg=", "Zg===", "=", "====", "Zm=v", "Zm9\xFF", "Zm-_", "Zm 9v", "Zg==,!"}) {
    const auto values = decode_binary_metadata({"token-bin", value});
    REQUIRE(!values.has_value());
    EXPECT(values.error().code == base::Code::kInvalidArgument);
    EXPECT_CONTAINS(values.error().why, "token-bin");
  }
}

TEST(grpc_metadata, reserved_names_are_not_the_applications) {
  for (const std::string_view name :
       {"", ":path", ":custom", "te", "content-type", "content-length", "host", "grpc-timeout",
        "grpc-encoding", "grpc-accept-encoding", "grpc-message-type", "grpc-status",
        "grpc-anything"}) {
    EXPECT(!is_custom_metadata(name));
  }
  for (const std::string_view name :
       {"x", "user-agent", "authorization", "grpc-trace-bin", "grpc-tags-bin", "grpcx"}) {
    EXPECT(is_custom_metadata(name));
  }
}

TEST(grpc_metadata, outgoing_values_are_made_fit_for_http2) {
  FieldList list;
  list.add_metadata("reason",
                    " no file\n\"m\xC3\xB6"
                    "del.onnx\"\r\n ");
  list.add_metadata("detail-bin", std::string_view("\x00\x01\xFF", 3));
  REQUIRE(list.fields().size() == 2);
  EXPECT_EQ(list.fields()[0].value, "no file?\"m??del.onnx\"??");
  EXPECT_EQ(list.fields()[1].value, "AAH/");
}

TEST(grpc_metadata, a_list_that_moves_keeps_its_text) {
  FieldList list;
  for (int i = 0; i < 20; ++i) list.add("n", std::to_string(i));  // short: inside the strings
  const FieldList moved = std::move(list);
  for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(moved.fields()[i].value, std::to_string(i));
}

}  // namespace
}  // namespace penstock::grpc
