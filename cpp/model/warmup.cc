// SPDX-License-Identifier: Apache-2.0
#include "model/warmup.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <string_view>
#include <utility>

#include "base/bytes_elements.h"
#include "model/own_request.h"

namespace penstock::model {
namespace {

using base::Code;
using base::dims_text;
using base::DType;
using base::fail;
using base::Result;

constexpr std::size_t kRandomLetters = 8;

std::unexpected<base::Error> refuse(std::string why) {
  return fail(Code::kInvalidArgument, std::move(why));
}

// --- one request's bytes -----------------------------------------------------------------------

template <class T>
void append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_random(std::string& bytes, DType dtype, std::minstd_rand& random) {
  const auto bit = static_cast<std::uint8_t>((random() >> 8) & 1);
  const float unit = static_cast<float>(random() % 4096) / 4096;  // exact in 16 bits, nearly
  switch (dtype) {
    case DType::kFp32: return append(bytes, unit);
    case DType::kFp64: return append(bytes, static_cast<double>(unit));
    // 1/2 + n/64: sign 0, the exponent of [1/2, 1), five bits of fraction.
    case DType::kFp16:
      return append(bytes, static_cast<std::uint16_t>(0x3800 | (random() % 32 << 5)));
    case DType::kBf16:
      return append(bytes, static_cast<std::uint16_t>(0x3f00 | (random() % 32 << 2)));
    case DType::kBytes:
      append(bytes, static_cast<base::BytesLength>(kRandomLetters));
      for (std::size_t i = 0; i < kRandomLetters; ++i) {
        bytes += static_cast<char>('a' + random() % 26);
      }
      return;
    default:  // little-endian: the lowest byte is the first
      bytes += static_cast<char>(bit);
      bytes.append(base::element_bytes(dtype) - 1, '\0');
  }
}

Result<std::string> given_bytes(const WarmupInput& input, std::int64_t elements) {
  std::span<const std::byte> rest = std::as_bytes(std::span(input.bytes));
  const std::string about = dims_text(input.dims) + " of " + std::string(name_of(input.dtype));
  if (input.dtype != DType::kBytes) {
    const std::size_t wanted =
        static_cast<std::size_t>(elements) * base::element_bytes(input.dtype);
    if (rest.size() == wanted) return input.bytes;
    return refuse("its file has " + std::to_string(rest.size()) + " bytes, but dims " + about +
                  " are " + std::to_string(wanted));
  }
  for (std::int64_t i = 0; i < elements; ++i) {
    if (!base::take_bytes_element(rest)) {
      return refuse("its file ends within element " + std::to_string(i) + " of dims " + about +
                    "; before each stand 4 bytes, its length");
    }
  }
  if (!rest.empty()) {
    return refuse("its file has " + std::to_string(rest.size()) + " bytes behind the elements of " +
                  about);
  }
  return input.bytes;
}

Result<std::string> row_bytes(const WarmupInput& input, std::int64_t elements) {
  if (input.source == WarmupSource::kBytes) return given_bytes(input, elements);
  const std::size_t each =
      input.dtype == DType::kBytes ? sizeof(base::BytesLength) : base::element_bytes(input.dtype);
  if (input.source == WarmupSource::kZero) {
    return std::string(static_cast<std::size_t>(elements) * each, '\0');
  }
  std::minstd_rand random;  // seeded alike in every run: a warm-up that fails fails again
  std::string bytes;
  for (std::int64_t i = 0; i < elements; ++i) append_random(bytes, input.dtype, random);
  return bytes;
}

// --- one batch ---------------------------------------------------------------------------------

Result<base::Tensor> make_tensor(const WarmupInput& input, const base::TensorSpec& spec,
                                 std::int64_t rows, bool batches) {
  if (auto fit = check_fit(input.dtype, input.dims, spec, batches); !fit) {
    return std::unexpected(fit.error());
  }
  base::Tensor tensor{.dtype = input.dtype, .shape = {}, .bytes = {}};
  if (batches) tensor.shape.push(rows);
  for (const std::int64_t dim : input.dims) tensor.shape.push(dim);
  const auto elements = base::Shape(std::span(input.dims)).elements();
  constexpr std::size_t kElementBytesMax = sizeof(base::BytesLength) + kRandomLetters;
  if (!elements || std::cmp_greater(*elements, kWarmupBytesMax / kElementBytesMax /
                                                   static_cast<std::size_t>(rows))) {
    return refuse("its dims " + dims_text(input.dims) + " in " + std::to_string(rows) +
                  " rows are more than a warm-up may have");
  }
  const auto row = row_bytes(input, *elements);
  if (!row) return std::unexpected(row.error());
  const std::size_t size = row->size() * static_cast<std::size_t>(rows);
  tensor.bytes.owner = base::Buffer::try_allocate(size);
  if (size > 0 && !tensor.bytes.owner)
    return fail(Code::kResourceExhausted, "there is no memory for it");
  for (std::size_t at = 0; at < size; at += row->size()) {
    std::memcpy(tensor.bytes.owner.data() + at, row->data(), row->size());
  }
  tensor.bytes.bytes = tensor.bytes.owner.bytes();
  return tensor;
}

Result<std::vector<base::Tensor>> make_inputs(const Warmup& warmup,
                                              const std::optional<Reshaping>& reshaping,
                                              const base::Signature& signature) {
  const bool batches = signature.batch_rows_max > 0;
  std::vector<std::string> names;
  for (const WarmupInput& input : warmup.inputs) names.push_back(input.name);
  auto made = own_inputs(signature, names, [&](std::size_t i, const base::TensorSpec& spec) {
    return make_tensor(warmup.inputs[i], spec, warmup.rows, batches);
  });
  if (!made) return std::unexpected(made.error());
  if (reshaping) reshape_inputs(*reshaping, batches, *made);
  return made;
}

Result<> run_warmup(const Warmup& warmup, const std::optional<Reshaping>& reshaping,
                    Executor& executor) {
  const base::Signature& signature = reshaping ? reshaping->signature : executor.signature();
  const std::int64_t most = std::max<std::int64_t>(signature.batch_rows_max, 1);
  if (warmup.rows < 1 || warmup.rows > most) {
    return refuse("its batch_size is " + std::to_string(warmup.rows) + "; wanted 1" +
                  (most > 1 ? " to " + std::to_string(most) + " (max_batch_size)" : ""));
  }
  const auto inputs = make_inputs(warmup, reshaping, signature);
  if (!inputs) return std::unexpected(inputs.error());
  const std::vector<std::int64_t> request_rows(static_cast<std::size_t>(warmup.rows), 1);
  for (std::uint32_t i = 0; i < warmup.count; ++i) {
    const auto done = executor.run_on_each(
        {.rows = warmup.rows, .inputs = *inputs, .request_rows = request_rows}, nullptr);
    if (!done) return fail(done.error().code, "the model fails on it: " + done.error().why);
  }
  return {};
}

}  // namespace

Result<> run_warmups(const std::vector<Warmup>& warmups, const std::optional<Reshaping>& reshaping,
                     Executor& executor) {
  for (const Warmup& warmup : warmups) {
    if (auto done = run_warmup(warmup, reshaping, executor); !done) {
      return fail(done.error().code, "warm-up '" + warmup.name + "': " + done.error().why);
    }
  }
  return {};
}

}  // namespace penstock::model
