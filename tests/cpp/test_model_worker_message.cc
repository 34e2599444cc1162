// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstring>
#include <limits>

#include "harness.h"
#include "model/worker_message.h"
#include "model_fixtures.h"

namespace penstock::model {
namespace {

using testing::floats;

const base::Signature kSignature{
    .inputs = {{.name = "x", .dims = {2}}, {.name = "hint", .dims = {2}, .is_optional = true}},
    .outputs = {{.name = "y", .dims = {2}}},
    .batch_rows_max = 8};

TEST(model_worker_message, a_batch_is_words_then_aligned_tensors) {
  base::Tensor left_out;
  left_out.is_present = false;
  const std::vector<base::Tensor> inputs = {floats({3, 2}, {1, 2, 3, 4, 5, 6}), left_out,
                                            floats({3, 0}, {})};
  const std::array<std::int64_t, 2> request_rows{1, 2};
  const ExecutorBatch batch{.rows = 3, .inputs = inputs, .request_rows = request_rows};
  BatchLayout layout;
  lay_out(batch, layout);
  EXPECT_EQ(layout.words, (std::vector<std::int64_t>{3, 2, 1, 2, 0, 2, 192, 24, 3, 2, -1, 0, 0, 2,
                                                     256, 0, 3, 0}));
  EXPECT_EQ(layout.bytes, 256);
  std::vector<std::byte> memory(layout.bytes);
  write_batch(batch, layout, memory);
  EXPECT(std::memcmp(memory.data(), layout.words.data(), layout.words.size() * 8) == 0);
  EXPECT(std::memcmp(memory.data() + 192, inputs[0].bytes.bytes.data(), 24) == 0);
}

TEST(model_worker_message, requests_facts_stand_between_the_words_and_the_tensors) {
  const std::vector<base::Tensor> inputs = {floats({2, 1}, {1, 2})};
  const std::array<std::int64_t, 2> request_rows{1, 1};
  const std::array<std::string_view, 2> facts{"", R"({"id":"7"})"};
  const ExecutorBatch batch{
      .rows = 2, .inputs = inputs, .request_rows = request_rows, .request_facts = facts};
  BatchLayout layout;
  lay_out(batch, layout);
  EXPECT_EQ(layout.words, (std::vector<std::int64_t>{2, 2, 1, 1, 96, 0, 10, 2, 128, 8, 2, 1}));
  EXPECT_EQ(layout.bytes, 136);
  std::vector<std::byte> memory(layout.bytes);
  write_batch(batch, layout, memory);
  EXPECT(std::memcmp(memory.data() + 96, facts[1].data(), 10) == 0);
  EXPECT(std::memcmp(memory.data() + 128, inputs[0].bytes.bytes.data(), 8) == 0);
}

base::Buffer answer_of(const std::vector<std::int64_t>& words, std::size_t bytes) {
  base::Buffer block = base::Buffer::allocate(bytes);
  std::memset(block.data(), 0, bytes);
  if (!words.empty()) std::memcpy(block.data(), words.data(), std::min(words.size() * 8, bytes));
  return block;
}

bool is_read(const std::vector<std::int64_t>& words, std::size_t bytes = 128) {
  std::vector<base::Tensor> outputs;
  const WorkerHeader header{.kind = 1, .number = 1, .bytes = bytes, .words = words.size()};
  return read_outputs(header, answer_of(words, bytes), kSignature, outputs);
}

TEST(model_worker_message, outputs_are_slices_of_the_answer) {
  const std::vector<std::int64_t> words = {2, 64, 16, 2, 2};
  const base::Buffer block = answer_of(words, 80);
  std::vector<base::Tensor> outputs;
  REQUIRE(
      read_outputs({.kind = 1, .number = 1, .bytes = 80, .words = 5}, block, kSignature, outputs));
  REQUIRE(outputs.size() == 1);
  EXPECT_EQ(outputs[0].shape, (base::Shape{2, 2}));
  EXPECT(outputs[0].bytes.bytes.data() == block.data() + 64);
  EXPECT_EQ(outputs[0].bytes.bytes.size(), 16);
}

TEST(model_worker_message, whatever_a_worker_writes_stays_within_its_answer) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  EXPECT(is_read({2, 64, 16, 2, 2}));
  EXPECT(is_read({2, 112, 16, 2, 2}));
  EXPECT(!is_read({2, 113, 16, 2, 2}));
  EXPECT(!is_read({2, 64, 65, 2, 2}));
  EXPECT(!is_read({2, kMost, 16, 2, 2}));
  EXPECT(!is_read({2, 64, kMost, 2, 2}));
  EXPECT(!is_read({2, -1, 16, 2, 2}));
  EXPECT(!is_read({2, 64, -16, 2, 2}));
  EXPECT(!is_read({-1, 64, 16}));
  EXPECT(!is_read({17, 64, 16, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 256));
  EXPECT(!is_read({2, 64, 16, 2}));        // a dimension is missing
  EXPECT(!is_read({2, 64, 16, 2, 2, 2}));  // a word is left
  EXPECT(!is_read({}));
  EXPECT(!is_read({2, 64, 16, 2, 2}, 32));  // more words than bytes
}

bool are_read(const std::vector<std::int64_t>& words, std::size_t requests = 2) {
  std::vector<base::Answer> answers;
  const WorkerHeader header{.kind = 4, .number = 1, .bytes = 256, .words = words.size()};
  return read_answers(header, answer_of(words, 256), kSignature, requests, answers);
}

TEST(model_worker_message, answers_are_tensors_that_may_be_absent_or_sentences) {
  const std::vector<std::int64_t> words = {0, 2, 128, 16, 2, 2, 3, 192, 4, 0, -1, 0, 0};
  base::Buffer block = answer_of(words, 256);
  std::memcpy(block.data() + 192, "oops", 4);
  std::vector<base::Answer> answers;
  REQUIRE(read_answers({.kind = 4, .number = 1, .bytes = 256, .words = words.size()}, block,
                       kSignature, 3, answers));
  REQUIRE(answers.size() == 3);
  REQUIRE(answers[0].has_value());
  EXPECT_EQ(answers[0]->at(0).shape, (base::Shape{2, 2}));
  EXPECT(answers[0]->at(0).bytes.bytes.data() == block.data() + 128);
  REQUIRE(!answers[1].has_value());
  EXPECT_EQ(answers[1].error(), (base::Error{base::Code::kInvalidArgument, "oops"}));
  REQUIRE(answers[2].has_value());
  EXPECT(!answers[2]->at(0).is_present);
}

TEST(model_worker_message, whatever_a_worker_answers_stays_within_its_answer) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  EXPECT(are_read({0, 2, 128, 16, 2, 2, 3, 192, 4}));
  EXPECT(are_read({0, 2, 128, 16, 2, 2, kMost, 192, 64}));  // no code of gRPC's: INTERNAL
  EXPECT(!are_read({0, 2, 128, 16, 2, 2}));                 // an answer is missing
  EXPECT(!are_read({0, 2, 128, 16, 2, 2, 3, 192, 4, 0}));   // a word is left
  EXPECT(!are_read({0, 2, 128, 16, 2, 2, 3, 192, 65}));
  EXPECT(!are_read({0, 2, 128, 16, 2, 2, 3, -1, 4}));
  EXPECT(!are_read({0, 2, 128, 16, 2, 2, 3, kMost, 4}));
  EXPECT(!are_read({0, 2, 241, 16, 2, 2, 3, 192, 4}));
  EXPECT(!are_read({0, -2, 128, 16, 3, 192, 4}));
  EXPECT(!are_read({}));
  EXPECT(are_read({}, 0));
}

TEST(model_worker_message, a_sentence_that_is_no_text_is_quoted_and_a_long_one_is_no_answer) {
  const std::array<std::byte, 2> bytes{std::byte{0xff}, std::byte{'a'}};
  EXPECT_EQ(sentence_of(bytes), "\"\\xffa\"");
  const auto size = static_cast<std::int64_t>(kWorkerSentenceBytesMax) + 1;
  const std::vector<std::int64_t> words = {13, 64, size};
  std::vector<base::Answer> answers;
  const std::size_t bytes_of_block = 64 + static_cast<std::size_t>(size);
  EXPECT(!read_answers({.kind = 4, .number = 1, .bytes = bytes_of_block, .words = 3},
                       answer_of(words, bytes_of_block), kSignature, 1, answers));
}

}  // namespace
}  // namespace penstock::model
