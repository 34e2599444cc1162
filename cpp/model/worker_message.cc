// SPDX-License-Identifier: Apache-2.0
#include "model/worker_message.h"

#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/text.h"

namespace penstock::model {
namespace {

constexpr std::int64_t kLeftOut = -1;
constexpr std::size_t kWordBytes = sizeof(std::int64_t);

constexpr std::size_t aligned(std::size_t bytes) {
  return (bytes + base::kTensorAlignment - 1) / base::kTensorAlignment * base::kTensorAlignment;
}

// Takes words off the front of what a worker has written.
class WordReader {
 public:
  explicit WordReader(std::span<const std::byte> bytes) : rest_(bytes) {}

  bool take(std::int64_t& word) {
    if (rest_.size() < kWordBytes) return false;
    std::memcpy(&word, rest_.data(), kWordBytes);
    rest_ = rest_.subspan(kWordBytes);
    return true;
  }
  bool is_at_end() const { return rest_.empty(); }

 private:
  std::span<const std::byte> rest_;
};

// A place within the block: its offset and bytes.
bool take_place(WordReader& words, const base::Buffer& block, std::span<const std::byte>& place) {
  std::int64_t offset = 0;
  std::int64_t bytes = 0;
  if (!words.take(offset) || !words.take(bytes)) return false;
  if (offset < 0 || bytes < 0 || std::cmp_greater(bytes, block.size()) ||
      std::cmp_greater(offset, block.size() - static_cast<std::size_t>(bytes))) {
    return false;
  }
  place = block.bytes().subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(bytes));
  return true;
}

bool read_output(WordReader& words, const base::Buffer& block, bool may_be_absent,
                 base::Tensor& output) {
  std::int64_t rank = 0;
  std::span<const std::byte> place;
  if (!words.take(rank) || !take_place(words, block, place)) return false;
  if (rank == kLeftOut && may_be_absent) {
    output.is_present = false;
    return true;
  }
  if (rank < 0 || std::cmp_greater(rank, base::kRankMax)) return false;
  for (std::int64_t i = 0; i < rank; ++i) {
    std::int64_t dim = 0;
    if (!words.take(dim)) return false;
    output.shape.push(dim);
  }
  output.bytes = {.owner = block, .bytes = place};
  return true;
}

// False: it is none.
bool read_answer(WordReader& words, const base::Buffer& block, const base::Signature& signature,
                 base::Answer& answer) {
  std::int64_t code = 0;
  if (!words.take(code)) return false;
  if (code != 0) {
    std::span<const std::byte> sentence;
    if (!take_place(words, block, sentence) || sentence.size() > kWorkerSentenceBytesMax) {
      return false;
    }
    answer = base::fail(base::failure_code(code), sentence_of(sentence));
    return true;
  }
  answer->reserve(signature.outputs.size());
  for (const base::TensorSpec& spec : signature.outputs) {
    base::Tensor& output = answer->emplace_back();
    output.dtype = spec.dtype;
    if (!read_output(words, block, true, output)) return false;
  }
  return true;
}

}  // namespace

void lay_out(const ExecutorBatch& batch, BatchLayout& layout) {
  std::vector<std::int64_t>& words = layout.words;
  words.assign({batch.rows, static_cast<std::int64_t>(batch.request_rows.size())});
  words.insert(words.end(), batch.request_rows.begin(), batch.request_rows.end());
  const std::size_t facts_at = words.size();
  words.push_back(0);
  std::size_t facts_bytes = 0;
  for (const std::string_view facts : batch.request_facts) {
    words.push_back(static_cast<std::int64_t>(facts.size()));
    facts_bytes += facts.size();
  }
  std::size_t count = words.size();
  for (const base::Tensor& input : batch.inputs) {
    count += input.is_present ? 3 + input.shape.rank() : 3;
  }
  std::size_t end = count * kWordBytes;
  if (!batch.request_facts.empty()) {
    words[facts_at] = static_cast<std::int64_t>(end);
    end += facts_bytes;
  }
  for (const base::Tensor& input : batch.inputs) {
    if (!input.is_present) {
      words.insert(words.end(), {kLeftOut, 0, 0});
      continue;
    }
    const std::size_t start = aligned(end);
    const std::size_t size = input.bytes.bytes.size();
    words.insert(words.end(), {static_cast<std::int64_t>(input.shape.rank()),
                               static_cast<std::int64_t>(start), static_cast<std::int64_t>(size)});
    words.insert(words.end(), input.shape.dims().begin(), input.shape.dims().end());
    end = start + size;
  }
  layout.bytes = end;
}

void write_batch(const ExecutorBatch& batch, const BatchLayout& layout,
                 std::span<std::byte> memory) {
  PENSTOCK_CHECK(memory.size() >= layout.bytes);
  std::memcpy(memory.data(), layout.words.data(), layout.words.size() * kWordBytes);
  std::size_t end = layout.words.size() * kWordBytes;
  for (const std::string_view facts : batch.request_facts) {
    if (!facts.empty()) std::memcpy(memory.data() + end, facts.data(), facts.size());
    end += facts.size();
  }
  for (const base::Tensor& input : batch.inputs) {
    if (!input.is_present) continue;
    const std::span<const std::byte> from = input.bytes.bytes;
    const std::size_t start = aligned(end);
    if (!from.empty()) std::memcpy(memory.data() + start, from.data(), from.size());
    end = start + from.size();
  }
}

bool read_outputs(const WorkerHeader& header, const base::Buffer& block,
                  const base::Signature& signature, std::vector<base::Tensor>& outputs) {
  if (header.words > block.size() / kWordBytes) return false;
  const auto size = static_cast<std::size_t>(header.words) * kWordBytes;
  WordReader words(block.bytes().first(size));
  for (const base::TensorSpec& spec : signature.outputs) {
    base::Tensor& output = outputs.emplace_back();
    output.dtype = spec.dtype;
    if (!read_output(words, block, false, output)) return false;
  }
  return words.is_at_end();
}

bool read_answers(const WorkerHeader& header, const base::Buffer& block,
                  const base::Signature& signature, std::size_t requests,
                  std::vector<base::Answer>& answers) {
  if (header.words > block.size() / kWordBytes) return false;
  const auto size = static_cast<std::size_t>(header.words) * kWordBytes;
  WordReader words(block.bytes().first(size));
  for (std::size_t i = 0; i < requests; ++i) {
    if (!read_answer(words, block, signature, answers.emplace_back())) return false;
  }
  return words.is_at_end();
}

std::string sentence_of(std::span<const std::byte> bytes) {
  std::string sentence(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return base::is_utf8(sentence) ? sentence : base::quote(sentence);
}

}  // namespace penstock::model
