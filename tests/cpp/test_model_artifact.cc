// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include "artifact_builder.h"
#include "harness.h"
#include "model/artifact.h"

namespace penstock::model {
namespace {

using testing::ArtifactBuilder;
using testing::Message;
using testing::Nodes;
using testing::parsed;
using testing::refusal_of;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// x of two columns to y of two: a dense layer; the whole of what a small model is.
std::string small_file() {
  ArtifactBuilder builder;
  const auto x = builder.input("x", "FP32", testing::kFloat32, {2});
  const auto y = builder.step(testing::kDense, testing::dense(builder, {1, 2, 3, 4}, {0.5, -0.5}),
                              {x}, testing::kFloat32, 2);
  builder.output("y", "FP32", y, {2});
  builder.manifest().text(1, "a test").text(2, "nothing").text(7, "{}");
  return builder.file();
}

// One step of `what` from x of width `in` to y of width `out`.
struct OneStep {
  ArtifactBuilder builder;
  std::uint32_t in_kind = testing::kFloat32;
  std::uint32_t in_width = 2;
  std::uint32_t out_kind = testing::kFloat32;
  std::uint32_t out_width = 2;

  std::string file(std::uint32_t field, const Message& what) {
    const std::string_view datatype = in_kind == testing::kText ? "BYTES" : "FP32";
    const auto x = builder.input("x", datatype, in_kind, {in_width});
    const auto y = builder.step(field, what, {x}, out_kind, out_width);
    builder.output("y", out_kind == testing::kText ? "BYTES" : "FP32", y, {out_width});
    return builder.file();
  }
  std::string refusal(std::uint32_t field, const Message& what) {
    return refusal_of(file(field, what));
  }
};

std::string forest_refusal(const Nodes& nodes) {
  OneStep one{.builder = {}, .in_width = nodes.features, .out_width = nodes.targets};
  return one.refusal(testing::kForest, testing::forest(one.builder, nodes));
}

TEST(model_artifact, a_file_is_read_as_it_was_written) {
  const auto artifact = parsed(small_file());
  REQUIRE(artifact.has_value());
  EXPECT_EQ(artifact->producer, "a test");
  EXPECT_EQ(artifact->source, "nothing");
  EXPECT_EQ(artifact->evidence, "{}");
  REQUIRE(artifact->inputs.size() == 1 && artifact->outputs.size() == 1);
  EXPECT_EQ(artifact->inputs[0].name, "x");
  EXPECT_EQ(artifact->inputs[0].dims, std::vector<std::uint32_t>{2});
  REQUIRE(artifact->steps.size() == 1);
  EXPECT_EQ(artifact->steps[0].name, "s");
  EXPECT_EQ(artifact->steps[0].reads, std::vector<std::uint32_t>{0});
  const auto* const dense = std::get_if<artifact::Dense>(&artifact->steps[0].what);
  REQUIRE(dense != nullptr);
  EXPECT_EQ(artifact::elements<float>(dense->weight), std::vector<float>({1, 2, 3, 4}));
  EXPECT(dense->activation.function == artifact::Function::kRelu);
  EXPECT(!dense->input.has_value());
}

TEST(model_artifact, whatever_is_cut_off_is_refused) {
  const std::string file = small_file();
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_NE(refusal_of(file.substr(0, size)), "it was taken");
  }
  EXPECT_CONTAINS(refusal_of(file + "x"), "but its head says");
  EXPECT_CONTAINS(refusal_of(file.substr(0, 40)), "inside its head");
  EXPECT_CONTAINS(refusal_of("PK\3\4"), "it is no compiled model");
}

TEST(model_artifact, a_byte_that_is_another_is_noticed) {
  const std::string file = small_file();
  for (std::size_t at = 0; at < file.size(); ++at) {
    for (const int bit : {0, 3, 7}) {
      std::string wrong = file;
      wrong[at] = static_cast<char>(wrong[at] ^ 1 << bit);
      const auto artifact = parsed(wrong);
      // The head's place of the manifest is not under the checksum; to end early may be harmless.
      if (artifact) EXPECT(at >= 24 && at < 40);
    }
  }
}

TEST(model_artifact, whatever_stands_under_a_right_checksum_is_read_or_refused) {
  const std::string file = small_file();
  for (std::size_t at = model::artifact::kHeadBytes; at < file.size(); ++at) {
    for (int value = 0; value < 256; value += 5) {
      std::string body = file.substr(model::artifact::kHeadBytes);
      body[at - model::artifact::kHeadBytes] = static_cast<char>(value);
      std::uint64_t offset = 0;
      std::memcpy(&offset, file.data() + 24, sizeof offset);
      const std::size_t blobs = offset - model::artifact::kHeadBytes;
      const auto artifact =
          parsed(ArtifactBuilder::whole(body.substr(0, blobs), body.substr(blobs)));
      if (artifact) {
        EXPECT(check_artifact(*artifact).has_value());
      } else {
        EXPECT(!artifact.error().why.empty());
      }
    }
  }
}

TEST(model_artifact, a_newer_format_and_a_field_that_is_not_known_are_refused) {
  std::string newer = small_file();
  newer[8] = 2;
  EXPECT_CONTAINS(refusal_of(newer), "its format is version 2: wanted 1");
  const std::string file = small_file();
  ArtifactBuilder builder;
  builder.manifest().number(99, 1);
  EXPECT_CONTAINS(refusal_of(builder.file()), "the manifest has field 99");
  OneStep one;
  EXPECT_CONTAINS(one.refusal(90, Message()), "a step has field 90 of a kind that this version");
}

TEST(model_artifact, a_blob_lies_inside_the_file_at_a_multiple_of_64) {
  const auto refusal = [](std::uint64_t offset, std::uint64_t bytes) {
    OneStep one;
    Message blob = Message().number(1, offset).number(2, bytes);
    return one.refusal(testing::kAffine, Message().message(1, blob).message(2, blob));
  };
  for (const auto& [offset, bytes] : {std::pair<std::uint64_t, std::uint64_t>{65, 8},
                                      {0, 8},
                                      {1 << 20, 8},
                                      {64, 1 << 20},
                                      {UINT64_MAX - 63, 128},
                                      {64, UINT64_MAX},
                                      {64, UINT64_MAX - 63}}) {
    EXPECT_CONTAINS(refusal(offset, bytes), "does not lie at a multiple of 64 inside");
  }
}

TEST(model_artifact, steps_may_share_blobs_but_not_without_end) {
  ArtifactBuilder builder;
  auto x = builder.input("x", "FP32", testing::kFloat32, {1024});
  const Message ones = builder.blob(std::vector<float>(1024, 1));
  for (int i = 0; i < 40; ++i) {
    x = builder.step(testing::kAffine, Message().message(1, ones).message(2, ones), {x},
                     testing::kFloat32, 1024);
  }
  builder.output("y", "FP32", x, {1024});
  EXPECT_CONTAINS(refusal_of(builder.file()), "name blobs of more than 16 times its bytes");
}

TEST(model_artifact, values_are_written_once_and_before_they_are_read) {
  const Message nothing;
  const auto refusal = [&](const std::vector<std::uint64_t>& reads, std::uint64_t writes) {
    ArtifactBuilder builder;
    const auto x = builder.input("x", "FP32", testing::kFloat32, {2});
    const auto y = builder.step(testing::kConvert, nothing, {x}, testing::kFloat32, 2);
    builder.value(testing::kFloat32, 2);
    builder.raw_step(testing::kConvert, nothing, reads, writes);
    builder.output("y", "FP32", y, {2});
    return refusal_of(builder.file());
  };
  EXPECT_EQ(refusal({0}, 2), "it was taken");
  EXPECT_CONTAINS(refusal({2}, 2), "reads value 2, which nothing has written by then");
  EXPECT_CONTAINS(refusal({7}, 2), "reads value 7");
  EXPECT_CONTAINS(refusal({0}, 1), "writes value 1, which is written already");
  EXPECT_CONTAINS(refusal({0}, 0), "writes value 0, which is written already");
  EXPECT_CONTAINS(refusal({0}, std::uint64_t{1} << 32), "writes value 4294967295 of 3");
  EXPECT_CONTAINS(refusal({}, 2), "step 1 's' (Convert) reads nothing");
}

TEST(model_artifact, ports_fit_their_values) {
  const auto refusal = [](std::string_view datatype, std::uint32_t kind,
                          const std::vector<std::uint64_t>& dims, std::string_view name = "y") {
    ArtifactBuilder builder;
    const auto x = builder.input("x", kind == testing::kText ? "BYTES" : "FP32", kind, {6});
    builder.port(5, name, datatype, x, dims);
    return refusal_of(builder.file());
  };
  EXPECT_EQ(refusal("FP64", testing::kFloat32, {2, 3}), "it was taken");
  EXPECT_CONTAINS(refusal("FP32", testing::kFloat32, {2, 4}), "has dims of 8 elements");
  EXPECT_CONTAINS(refusal("FP32", testing::kFloat32, {}), "has dims of 1 elements");
  EXPECT_CONTAINS(refusal("BYTES", testing::kFloat32, {6}), "is BYTES and its value FLOAT32");
  EXPECT_CONTAINS(refusal("FP32", testing::kText, {6}), "is FP32 and its value TEXT");
  EXPECT_CONTAINS(refusal("FP16", testing::kFloat32, {6}), "is FP16 and its value FLOAT32");
  EXPECT_CONTAINS(refusal("WORD", testing::kFloat32, {6}), "is of datatype 'WORD'");
  EXPECT_CONTAINS(refusal("FP32", testing::kFloat32, {6}, "x"), "two tensors called 'x'");
  EXPECT_CONTAINS(refusal("FP32", testing::kFloat32, {6}, ""), "needs a name");
  EXPECT_CONTAINS(refusal("FP32", testing::kFloat32, {6}, "\xff"), "needs a name in UTF-8");
  EXPECT_CONTAINS(refusal("FP32", testing::kFloat32, std::vector<std::uint64_t>(16, 1)),
                  "has 16 dimensions");
  EXPECT_CONTAINS(refusal_of(ArtifactBuilder().file()), "it has 0 inputs and 0 outputs");
  for (const std::uint64_t width : {std::uint64_t{0}, std::uint64_t{1} << 30}) {
    ArtifactBuilder wide;
    wide.input("x", "FP32", testing::kFloat32, {width});
    wide.output("y", "FP32", 0, {width});
    EXPECT_CONTAINS(refusal_of(wide.file()), "wanted 1 to");
  }
}

TEST(model_artifact, a_dense_layer_has_the_weights_that_its_widths_ask_for) {
  OneStep one;
  EXPECT_CONTAINS(one.refusal(testing::kDense, testing::dense(one.builder, {1, 2, 3}, {0, 0})),
                  "has weight of 12 bytes: wanted 4 elements of 4");
  OneStep nan;
  EXPECT_CONTAINS(nan.refusal(testing::kDense, testing::dense(nan.builder, {1, 2, kNan, 4}, {})),
                  "has weight with an element that is NaN or infinite");
  OneStep bias;
  EXPECT_CONTAINS(bias.refusal(testing::kDense, testing::dense(bias.builder, {1, 2, 3, 4}, {1})),
                  "has bias of 4 bytes");
  OneStep softmax;
  EXPECT_CONTAINS(
      softmax.refusal(testing::kDense, testing::dense(softmax.builder, {1, 2, 3, 4}, {}, 6)),
      "has an activation that is not of one element by itself");
  OneStep kind{.builder = {}, .out_kind = testing::kFloat64};
  EXPECT_CONTAINS(kind.refusal(testing::kDense, testing::dense(kind.builder, {1, 2, 3, 4}, {})),
                  "reads FLOAT32 of width 2 and writes FLOAT64 of width 2: wanted");
}

TEST(model_artifact, quantized_weights_have_scales_and_bounds) {
  const auto s8 = [](const std::vector<std::int8_t>& weight, const std::vector<float>& scale,
                     const Message& input) {
    OneStep one;
    const Message what = Message()
                             .number(1, 3)
                             .message(2, one.builder.blob(weight))
                             .message(3, one.builder.blob(scale))
                             .message(7, input);
    return one.refusal(testing::kDense, what);
  };
  const Message input = Message().real(1, 0.5F).number(2, 128);
  EXPECT_EQ(s8({1, -2, 3, 127}, {1, 1}, input), "it was taken");
  EXPECT_CONTAINS(s8({1, -128, 3, 4}, {1, 1}, input), "a weight of -128");
  EXPECT_CONTAINS(s8({1, 2, 3, 4}, {1}, input), "has scale of 4 bytes");
  EXPECT_CONTAINS(s8({1, 2, 3, 4}, {1, kNan}, input), "has scale with an element");
  EXPECT_CONTAINS(s8({1, 2, 3, 4}, {1, 1}, Message().real(1, 0.0F)), "no positive number");
  EXPECT_CONTAINS(s8({1, 2, 3, 4}, {1, 1}, Message().real(1, kNan)), "no positive number");
  EXPECT_CONTAINS(s8({1, 2, 3, 4}, {1, 1}, Message().real(1, 1.0F).number(2, 256)),
                  "zero point of 256");
  const auto u4 = [](std::uint32_t inputs, std::uint32_t group) {
    OneStep one{.builder = {}, .in_width = inputs};
    const Message what = Message()
                             .number(1, 4)
                             .message(2, one.builder.blob(std::vector<char>(inputs / 2 * 2)))
                             .message(3, one.builder.blob(std::vector<float>(4)))
                             .number(4, group);
    return one.refusal(testing::kDense, what);
  };
  EXPECT_EQ(u4(64, 32), "it was taken");
  EXPECT_CONTAINS(u4(64, 33), "groups of 33 weights");
  EXPECT_CONTAINS(u4(64, 0), "groups of 0 weights");
  EXPECT_CONTAINS(u4(63, 32), "for 63 inputs: wanted an even number");
  EXPECT_CONTAINS(u4(64, 64), "has scale of 16 bytes: wanted 2 elements");
}

TEST(model_artifact, a_forest_of_trees_is_taken) {
  EXPECT_EQ(forest_refusal(testing::small_tree()), "it was taken");
  Nodes leaf;
  leaf.leaf(1);
  EXPECT_EQ(forest_refusal(leaf), "it was taken");
  Nodes infinite = testing::small_tree();
  infinite.threshold[0] = std::numeric_limits<double>::infinity();
  EXPECT_EQ(forest_refusal(infinite), "it was taken");
  Nodes categories = testing::small_tree();
  categories.flags[1] = 2;
  categories.threshold[1] = 0;
  categories.words = {1, 0b1010};
  EXPECT_EQ(forest_refusal(categories), "it was taken");
}

TEST(model_artifact, trees_without_an_end_are_refused) {
  const auto refusal = [](auto&& change) {
    Nodes nodes = testing::small_tree();
    change(nodes);
    return forest_refusal(nodes);
  };
  constexpr std::string_view kChild = "wanted one that stands behind it in its tree";
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.left[1] = 1; }), kChild);
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.left[1] = 0; }), kChild);
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.left[1] = 5; }), kChild);
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.left[1] = UINT32_MAX; }), kChild);
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.left[1] = 4; }), kChild);  // two parents
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.right[1] = n.left[1]; }), kChild);
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.leaf(1); }), "node 5, which is no node's child");
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.roots = {}; }), "first tree");
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.roots = {1}; }), "first tree");
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.roots = {0, 9}; }), "roots that do not ascend");
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.roots = {0, 0}; }), "roots that do not ascend");
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.roots = {0, 2}; }), kChild);  // a child elsewhere
  Nodes deep;
  for (std::uint32_t i = 0; i < 5000; ++i) {
    deep.test(0, 1, 2 * i + 1, 2 * i + 2);
    deep.leaf(1);
  }
  deep.leaf(1);
  for (std::size_t i = 0; i < deep.left.size(); ++i) {
    if (deep.flags[i] == 0) deep.left[i] = static_cast<std::uint32_t>(i + 1);
    if (deep.flags[i] == 0) deep.right[i] = static_cast<std::uint32_t>(i + 2);
  }
  EXPECT_CONTAINS(forest_refusal(deep), "deeper than 4096");
}

TEST(model_artifact, nodes_refer_to_what_there_is) {
  const auto refusal = [](auto&& change) {
    Nodes nodes = testing::small_tree();
    change(nodes);
    return forest_refusal(nodes);
  };
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.feature[1] = 2; }), "tests feature 2 of 2");
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.left[2] = 3; }), "leaf 2 with value 3 of 3");
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.right[2] = 1; }), "leaf 2 with target 1 of 1");
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.threshold[0] = std::nan(""); }),
                  "threshold that is NaN");
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.leaf_values[0] = std::nan(""); }), "has leaf_values");
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.base = {}; }), "has base of 0 bytes");
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.base = {std::nan("")}; }), "has base with an element");
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.factor = std::nan(""); }), "has a factor");
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.sum = 4; }), "adds in a way");
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.flags[0] = 32; }), "with flags 32");
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.flags[0] = 24; }), "with flags 24");
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.flags[2] = 3; }), "leaf 2 with flags of a test");
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.left.pop_back(); }), "has left of 16 bytes");
  EXPECT_CONTAINS(refusal([](Nodes& n) { n.threshold.push_back(0); }), "has threshold of 48 bytes");
  for (const double at : {-1.0, 0.5, 2.0, 1e300, std::nan("")}) {
    EXPECT_CONTAINS(refusal([&](Nodes& n) {
                      n.flags[0] = 2;
                      n.threshold[0] = at;
                      n.words = {1, 7};
                    }),
                    "category set that is not among its 2 words");
  }
  EXPECT_CONTAINS(refusal([](Nodes& n) {
                    n.flags[0] = 2;
                    n.threshold[0] = 1;
                    n.words = {1, UINT32_MAX};
                  }),
                  "category set");
}

TEST(model_artifact, small_steps_are_held_to_their_widths_and_kinds) {
  const auto refusal = [](std::uint32_t field, auto&& what, OneStep one = {}) {
    const Message made = what(one.builder);
    return one.refusal(field, made);
  };
  using Builder = ArtifactBuilder;
  EXPECT_CONTAINS(refusal(testing::kSelect,
                          [](Builder&) {
                            return Message().numbers(1, {0, 2});
                          }),
                  "selects column 2 of 2");
  EXPECT_CONTAINS(refusal(
                      testing::kConcat, [](Builder&) { return Message(); },
                      OneStep{.builder = {}, .out_width = 3}),
                  "as many columns as it reads");
  EXPECT_CONTAINS(
      refusal(testing::kOneHot,
              [](Builder& b) {
                return Message().numbers(1, {1, 2}).message(2, b.blob(std::vector<float>{1, 2, 3}));
              }),
      "has 3 categories: wanted one of each of the 2 columns");
  EXPECT_CONTAINS(refusal(testing::kLookup,
                          [](Builder& b) {
                            return Message()
                                .message(1, b.blob(std::vector<float>{2, 1}))
                                .message(2, b.blob(std::vector<float>{2, 1}))
                                .message(3, b.blob(std::vector<float>{2}));
                          }),
                  "has keys that do not ascend at place 1");
  EXPECT_CONTAINS(refusal(testing::kLookup,
                          [](Builder& b) {
                            return Message()
                                .message(1, b.blob(std::vector<float>{1, kNan, 2}))
                                .message(2, b.blob(std::vector<float>{2, 1, 3}))
                                .message(3, b.blob(std::vector<float>{2}));
                          }),
                  "has keys that do not ascend");
  EXPECT_CONTAINS(refusal(testing::kNormalize, [](Builder&) { return Message().number(1, 9); }),
                  "has a norm");
  EXPECT_CONTAINS(refusal(testing::kActivation, [](Builder&) { return Message().number(1, 13); }),
                  "has a function");
  EXPECT_CONTAINS(refusal(testing::kThreshold, [](Builder&) { return Message().real(1, 0.5); }),
                  "as many columns of INT64");
  EXPECT_CONTAINS(refusal(testing::kArgMax, [](Builder&) { return Message(); }),
                  "INT64 of width 1");
  EXPECT_CONTAINS(refusal(testing::kComplement, [](Builder&) { return Message(); }),
                  "one float of width 1");
  EXPECT_CONTAINS(
      refusal(
          testing::kStringIndex, [](Builder&) { return Message().text(1, "a").text(1, "a"); },
          OneStep{.builder = {}, .in_kind = testing::kText, .out_kind = testing::kInt64}),
      "has a string twice");
  EXPECT_CONTAINS(refusal(testing::kOnnx, [](Builder&) { return Message(); }), "has no model");
}

TEST(model_artifact, a_path_stands_before_what_is_wrong_with_its_file) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("penstock-artifact-" + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  const auto refusal = [&](const std::string& name) {
    const auto opened = open_artifact((folder / name).string());
    return opened ? "it was opened" : opened.error().why;
  };
  std::ofstream(folder / "good") << small_file();
  std::ofstream(folder / "short") << small_file().substr(0, 100);
  std::ofstream(folder / "empty");
  EXPECT_EQ(refusal("good"), "it was opened");
  EXPECT_CONTAINS(refusal("short"), "/short': it has 100 bytes, but its head says");
  EXPECT_CONTAINS(refusal("empty"), "/empty': it is no compiled model");
  EXPECT_CONTAINS(refusal("missing"), "/missing': it cannot be opened: No such file");
  EXPECT_CONTAINS(refusal("."), "it is no file");
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace penstock::model
