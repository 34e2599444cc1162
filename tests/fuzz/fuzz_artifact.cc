// SPDX-License-Identifier: Apache-2.0
// The file of a compiled model: whatever its bytes, it is refused with a sentence, or it computes
// rows with every instruction set of this machine, writes all of what it answers and nothing else,
// and the same a second time.
//
//   0   what follows is a file as it is; else its parts, and the head is made right for them:
//   1   a number that rows are made of
//   2   u16 bytes of blobs, which stand at 64
//   4   blobs, then the manifest
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../cpp/artifact_builder.h"
#include "base/bytes_elements.h"
#include "field_mutator.h"
#include "fuzz_input.h"
#include "kernels/cpu.h"
#include "model/artifact.h"
#include "model/native_executor.h"
#include "model/native_program.h"

namespace penstock::fuzzing {
namespace {

using model::Artifact;

constexpr std::size_t kHeadBytes = 4;
// A file says how wide its values are, and few bytes can say much.
constexpr std::size_t kElementsMax = std::size_t{1} << 18;

template <class T>
void append(std::string& to, T element) {
  to.append(reinterpret_cast<const char*>(&element), sizeof element);
}

double number(Random& random) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  switch (random() % 12) {
    case 0: return std::nan("");
    case 1: return kInfinity;
    case 2: return -kInfinity;
    case 3: return -0.0;
    case 4: return 1e-40;
    case 5: return 1e30;
    default: return static_cast<double>(random() % 64) / 4 - 4;
  }
}

// Elements of a tensor, from what a client could send.
std::string elements(base::DType dtype, std::size_t count, Random& random) {
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) {
    switch (dtype) {
      case base::DType::kFp32: append(bytes, static_cast<float>(number(random))); break;
      case base::DType::kFp64: append(bytes, number(random)); break;
      case base::DType::kInt32: append(bytes, static_cast<std::int32_t>(random() % 9) - 2); break;
      case base::DType::kInt64: append(bytes, static_cast<std::int64_t>(random() % 9) - 2); break;
      case base::DType::kBytes: {
        const auto length = static_cast<base::BytesLength>(random() % 3);
        append(bytes, length);
        bytes.append(length, static_cast<char>('a' + random() % 3));
        break;
      }
      default: append(bytes, static_cast<std::uint8_t>(random() % 4)); break;
    }
  }
  return bytes;
}

struct Rows {
  std::int64_t count = 0;
  // At addresses that are odd, and blocks of their own: what is read outside of them is seen.
  std::vector<std::string> inputs;

  std::span<const std::byte> input(std::size_t place) const {
    return bytes_of(inputs[place]).subspan(1);
  }
};

std::size_t width(const Artifact& artifact, const model::artifact::Port& port) {
  return artifact.values[port.value].width;
}

// As many of them as memory is meant for, at most; no row if one is too wide.
Rows rows_of(const Artifact& artifact, Random& random) {
  std::size_t wide = 1;
  for (const model::artifact::Value& value : artifact.values) wide += value.width;
  constexpr std::array<std::size_t, 5> kCounts = {0, 1, 3, 64, 65};
  const std::size_t wanted = kCounts[random() % kCounts.size()];
  Rows rows{.count = static_cast<std::int64_t>(std::min(wanted, kElementsMax / wide)),
            .inputs = {}};
  for (const model::artifact::Port& port : artifact.inputs) {
    const std::size_t count = static_cast<std::size_t>(rows.count) * width(artifact, port);
    rows.inputs.push_back("-" + elements(port.dtype, count, random));
  }
  return rows;
}

// What each output says, behind one another.
std::string answers_of(const Artifact& artifact, const model::NativeProgram& program,
                       const Rows& rows, std::byte fill, kernels::Scratch& scratch) {
  const auto count = static_cast<std::size_t>(rows.count);
  std::vector<std::span<const std::byte>> inputs;
  for (std::size_t i = 0; i < rows.inputs.size(); ++i) inputs.push_back(rows.input(i));
  std::vector<std::unique_ptr<std::byte[]>> blocks;
  std::vector<std::size_t> sizes;
  std::vector<std::byte*> outputs;
  for (const model::artifact::Port& port : artifact.outputs) {
    const bool is_text = port.dtype == base::DType::kBytes;
    sizes.push_back(is_text ? 0 : count * width(artifact, port) * base::element_bytes(port.dtype));
    blocks.push_back(std::make_unique<std::byte[]>(sizes.back()));
    std::fill_n(blocks.back().get(), sizes.back(), fill);
    outputs.push_back(blocks.back().get());
  }
  model::NativeProgram::Texts words;
  const auto done = program.run(count, inputs, outputs, words, scratch);
  PENSTOCK_CHECK(done.has_value());
  std::string all;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    all.append(reinterpret_cast<const char*>(blocks[i].get()), sizes[i]);
  }
  for (const auto& output : words.outputs) {
    for (const std::string_view word : output) all.append(word).push_back('\n');
  }
  return all;
}

void run_program(const Artifact& artifact, const Rows& rows, kernels::Isa isa) {
  std::vector<std::size_t> outputs;
  for (std::size_t i = 0; i < artifact.outputs.size(); ++i) outputs.push_back(i);
  const auto program = model::NativeProgram::build(artifact, outputs, isa, nullptr);
  if (!program) {
    PENSTOCK_CHECK(!program.error().why.empty());
    return;
  }
  kernels::Scratch scratch;
  const std::string first = answers_of(artifact, **program, rows, std::byte{0xA5}, scratch);
  PENSTOCK_CHECK(answers_of(artifact, **program, rows, std::byte{0x5A}, scratch) == first);
}

// As the server does.
void run_executor(const Artifact& artifact, const Rows& rows) {
  const auto executor = model::NativeExecutor::make(artifact, {}, nullptr);
  if (!executor) {
    PENSTOCK_CHECK(!executor.error().why.empty());
    return;
  }
  const base::Signature& signature = (*executor)->signature();
  std::vector<base::Tensor> inputs;
  for (std::size_t i = 0; i < artifact.inputs.size(); ++i) {
    PENSTOCK_CHECK(signature.inputs[i].name == artifact.inputs[i].name);
    base::Tensor tensor{.dtype = artifact.inputs[i].dtype, .shape = {rows.count}, .bytes = {}};
    for (const std::uint32_t dim : artifact.inputs[i].dims) tensor.shape.push(dim);
    tensor.bytes.bytes = rows.input(i);
    inputs.push_back(std::move(tensor));
  }
  std::vector<base::Tensor> outputs;
  const model::ExecutorBatch batch{
      .rows = rows.count, .inputs = inputs, .request_rows = {&rows.count, 1}};
  const auto done = (*executor)->run(batch, outputs);
  PENSTOCK_CHECK(done.has_value());
  for (const base::Tensor& output : outputs) touch(text_of(output.bytes.bytes));
}

void run(Input input) {
  const bool is_file = input.u8() == 0;
  std::uint8_t seed = 0;
  std::string file;
  if (is_file) {
    file = input.rest();
  } else {
    seed = input.u8();
    const std::size_t blob_bytes = input.u16();
    const std::string blobs(input.bytes(blob_bytes));
    file = testing::ArtifactBuilder::whole(blobs, std::string(input.rest()));
  }
  const auto artifact = testing::parsed(file);
  if (!artifact) {
    PENSTOCK_CHECK(!artifact.error().why.empty());
    return;
  }
  Random random(seed + 1U);
  const Rows rows = rows_of(*artifact, random);
  for (auto isa = kernels::Isa::kScalar; isa <= kernels::best_isa(kernels::read_cpu_words());
       isa = static_cast<kernels::Isa>(static_cast<int>(isa) + 1)) {
    run_program(*artifact, rows, isa);
  }
  run_executor(*artifact, rows);
}

}  // namespace
}  // namespace penstock::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  penstock::fuzzing::run({bytes, size});
  return 0;
}

// Mostly one field of the manifest; else whatever libFuzzer would do with all bytes.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* bytes, std::size_t size,
                                               std::size_t most, unsigned seed) {
  using namespace penstock::fuzzing;
  Random random(seed);
  const std::size_t blobs = size < kHeadBytes ? 0 : std::size_t{bytes[2]} << 8 | bytes[3];
  const std::size_t manifest = kHeadBytes + blobs;
  if (size <= manifest || bytes[0] == 0 || random() % 4 == 0) {
    return LLVMFuzzerMutate(bytes, size, most);
  }
  const std::string_view old(reinterpret_cast<const char*>(bytes) + manifest, size - manifest);
  const std::string made = FieldMutator(random).mutated(old);
  if (made.size() > most - manifest) return LLVMFuzzerMutate(bytes, size, most);
  std::memcpy(bytes + manifest, made.data(), made.size());
  return manifest + made.size();
}
