// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/answer.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/tensor.h"
#include "model/executor.h"

// What the server and a worker process say to each other: a small header through a socket, and
// what it is about in shared memory. Values only; server/penstock/backends/worker.py has the other
// side. All numbers are little-endian.
//
//   header    kind u32, number u32, bytes u64, words u64
//   memory    words x i64 | padding to 64 | tensor | padding to 64 | tensor ...      (bytes in all)
//
//   load      number: the instance. bytes: of the document, JSON, at the front. No words.
//   batch     number: counts up. words: rows, requests, rows of each request; the offset of the
//             requests' facts and the bytes of each (offset 0: no facts, and no bytes follow); for
//             each input of the signature its rank (-1: left out), offset, bytes and dimensions.
//   done      number: the request's. To a load: words is 1 if the model sees requests and wants
//             their facts, else 0, and none are there. To a batch: words of each output, as of an
//             input.
//   raised    number: the request's. bytes: of a sentence, UTF-8, at the front. No words.
//   too_large the same, where the outputs do not fit.
//   answered  to a batch, by a model that sees requests. words: for each request 0, and words of
//             each output, as of an input; or gRPC's number of a failure, and offset and bytes of
//             a sentence.
namespace penstock::model {

enum class WorkerRequest : std::uint32_t { kLoad = 1, kBatch = 2 };
enum class WorkerAnswer : std::uint32_t { kDone = 1, kRaised = 2, kTooLarge = 3, kAnswered = 4 };

struct WorkerHeader {
  std::uint32_t kind = 0;
  std::uint32_t number = 0;
  std::uint64_t bytes = 0;
  std::uint64_t words = 0;
};
static_assert(sizeof(WorkerHeader) == 24);

// What a worker may say at most in a sentence.
inline constexpr std::size_t kWorkerSentenceBytesMax = std::size_t{64} << 10;

// A batch's place in shared memory.
struct BatchLayout {
  std::vector<std::int64_t> words;
  std::size_t bytes = 0;
};

// Replaces what is in `layout`.
void lay_out(const ExecutorBatch& batch, BatchLayout& layout);
// Copies the batch into `memory`, which must have room for layout.bytes.
void write_batch(const ExecutorBatch& batch, const BatchLayout& layout,
                 std::span<std::byte> memory);

// The outputs that an answer of header.words describes: slices of `block`, which is a copy of the
// answer's header.bytes, so that the worker cannot change what was checked. Nothing that a worker
// can write reaches outside of it. False: it is no answer to a model of this signature.
bool read_outputs(const WorkerHeader& header, const base::Buffer& block,
                  const base::Signature& signature, std::vector<base::Tensor>& outputs);

// The same of a worker that answers each of `requests` by itself.
bool read_answers(const WorkerHeader& header, const base::Buffer& block,
                  const base::Signature& signature, std::size_t requests,
                  std::vector<base::Answer>& answers);

// A sentence of a worker, fit to be passed on.
std::string sentence_of(std::span<const std::byte> bytes);

}  // namespace penstock::model
