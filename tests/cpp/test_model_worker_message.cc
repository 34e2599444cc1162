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
  EXPECT_EQ(layout.words,
            (std::vector<std::int64_t>{3, 2, 1, 2, 2, 192, 24, 3, 2, -1, 0, 0, 2, 256, 0, 3, 0}));
  EXPECT_EQ(layout.bytes, 256);
  std::vector<std::byte> memory(layout.bytes);
  write_batch(batch, layout, memory);
  EXPECT(std::memcmp(memory.data(), layout.words.data(), layout.words.size() * 8) == 0);
  EXPECT(std::memcmp(memory.data() + 192, inputs[0].bytes.bytes.data(), 24) == 0);
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

}  // namespace
}  // namespace penstock::model
