// SPDX-License-Identifier: Apache-2.0
#include "model/smoke.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "base/bytes_elements.h"
#include "model/difference.h"
#include "model/own_request.h"

namespace penstock::model {
namespace {

using base::Code;
using base::fail;
using base::Result;

std::unexpected<base::Error> refuse(std::string why) {
  return fail(Code::kInvalidArgument, std::move(why));
}

// An output, and what it must be.
struct Expected {
  std::size_t output = 0;  // in the signature's order
  base::Tensor tensor{};
};

// A view of `given`. Fails if its bytes are not the elements of its shape.
Result<base::Tensor> view_of(const SmokeTensor& given) {
  if (given.shape.size() > base::kRankMax) {
    return refuse("it has " + std::to_string(given.shape.size()) + " dimensions; wanted at most " +
                  std::to_string(base::kRankMax));
  }
  base::Tensor tensor{.dtype = given.dtype,
                      .shape = base::Shape(std::span(given.shape)),
                      .bytes = {.owner = {}, .bytes = std::as_bytes(std::span(given.bytes))}};
  if (holds_its_elements(tensor)) return tensor;
  return refuse("it has " + std::to_string(given.bytes.size()) +
                " bytes, which are not the elements of its shape " + tensor.shape.text());
}

// Takes `rows` rows off the front of `rest`, which has more or as many. Nothing is copied.
base::Tensor take_rows(base::Tensor& rest, std::int64_t rows) {
  base::Tensor taken = rest;
  if (!rest.is_present) return taken;
  const std::span<const std::byte> all = rest.bytes.bytes;
  std::size_t size = all.size() / static_cast<std::size_t>(rest.shape[0]);  // of a row
  size *= static_cast<std::size_t>(rows);
  taken.shape[0] = rows;
  if (rest.dtype == base::DType::kBytes) {
    std::span<const std::byte> behind = all;
    base::skip_bytes_elements(behind, static_cast<std::uint64_t>(*taken.shape.elements()));
    size = all.size() - behind.size();
  }
  taken.bytes.bytes = all.first(size);
  rest.bytes.bytes = all.subspan(size);
  rest.shape[0] -= rows;
  return taken;
}

// Executors may want inputs to be aligned.
Result<> copy_to_own(base::Tensor& tensor) {
  const std::span<const std::byte> from = tensor.bytes.bytes;
  if (from.empty()) return {};
  tensor.bytes.owner = base::Buffer::try_allocate(from.size());
  if (!tensor.bytes.owner) return fail(Code::kResourceExhausted, "there is no memory for it");
  std::memcpy(tensor.bytes.owner.data(), from.data(), from.size());
  tensor.bytes.bytes = tensor.bytes.owner.bytes();
  return {};
}

Result<std::vector<base::Tensor>> inputs_of(const Smoke& smoke, const base::Signature& signature) {
  const bool batches = signature.batch_rows_max > 0;
  std::vector<std::string> names;
  for (const SmokeTensor& input : smoke.inputs) names.push_back(input.name);
  return own_inputs(signature, names,
                    [&](std::size_t i, const base::TensorSpec& spec) -> Result<base::Tensor> {
                      const SmokeTensor& input = smoke.inputs[i];
                      std::span<const std::int64_t> dims = input.shape;
                      if (batches) {
                        if (dims.empty() || dims[0] < 1) {
                          return refuse("its shape is " + base::dims_text(dims) +
                                        "; wanted a first dimension of at least 1, the rows");
                        }
                        dims = dims.subspan(1);
                      }
                      if (auto fit = check_fit(input.dtype, dims, spec, batches); !fit) {
                        return std::unexpected(fit.error());
                      }
                      return view_of(input);
                    });
}

Result<std::vector<Expected>> expected_of(const Smoke& smoke, const base::Signature& signature) {
  std::vector<Expected> expected;
  for (const SmokeTensor& wanted : smoke.expected) {
    const auto found = std::ranges::find(signature.outputs, wanted.name, &base::TensorSpec::name);
    if (found == signature.outputs.end()) {
      return refuse("the model has no output '" + wanted.name + "'; its outputs are " +
                    names_of(signature.outputs));
    }
    auto tensor = view_of(wanted);
    if (!tensor) return refuse("output '" + wanted.name + "': " + tensor.error().why);
    expected.push_back({.output = static_cast<std::size_t>(found - signature.outputs.begin()),
                        .tensor = *std::move(tensor)});
  }
  return expected;
}

// The rows of a model that batches: all its tensors must have as many.
Result<std::int64_t> rows_of(std::span<const base::Tensor> inputs,
                             std::span<const Expected> expected, const base::Signature& signature) {
  std::int64_t rows = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].is_present) continue;
    if (rows == 0) rows = inputs[i].shape[0];
    if (inputs[i].shape[0] == rows) continue;
    return refuse("input '" + signature.inputs[i].name + "' has " +
                  std::to_string(inputs[i].shape[0]) + " rows, and another one " +
                  std::to_string(rows));
  }
  rows = std::max<std::int64_t>(rows, 1);
  for (const Expected& one : expected) {
    const base::Shape& shape = one.tensor.shape;
    if (shape.rank() > 0 && shape[0] == rows) continue;
    return refuse("it expects output '" + signature.outputs[one.output].name + "' of shape " +
                  shape.text() + " for " + std::to_string(rows) + " rows");
  }
  return rows;
}

// Executes one batch, and holds each instance's answer against `expected`.
Result<> run_batch(const ExecutorBatch& batch, std::span<const Expected> expected, double tolerance,
                   std::int64_t first_row, const std::optional<Reshaping>& reshaping,
                   Executor& executor) {
  const base::Signature& signature = reshaping ? reshaping->signature : executor.signature();
  const auto check = [&](std::span<const base::Tensor> found) -> Result<> {
    std::vector<base::Tensor> outputs(found.begin(), found.end());
    if (outputs.size() != signature.outputs.size()) {
      return fail(Code::kInternal, "the model gives " + std::to_string(outputs.size()) +
                                       " outputs, wanted " +
                                       std::to_string(signature.outputs.size()));
    }
    if (reshaping) {
      auto done = reshape_outputs(*reshaping, signature.batch_rows_max > 0, outputs);
      if (!done) return done;
    }
    for (const Expected& one : expected) {
      const std::string told = difference_of(signature.outputs[one.output].name,
                                             outputs[one.output], one.tensor, tolerance, first_row);
      if (!told.empty()) return fail(Code::kFailedPrecondition, told);
    }
    return {};
  };
  bool is_wrong = false;
  const auto done = executor.run_on_each(batch, [&](std::span<const base::Tensor> found) {
    auto checked = check(found);
    is_wrong = !checked;
    return checked;
  });
  if (done || is_wrong) return done;
  return fail(done.error().code, "the model fails on it: " + done.error().why);
}

Result<> run(const Smoke& smoke, const std::optional<Reshaping>& reshaping, Executor& executor) {
  const base::Signature& signature = reshaping ? reshaping->signature : executor.signature();
  auto inputs = inputs_of(smoke, signature);
  if (!inputs) return std::unexpected(inputs.error());
  auto expected = expected_of(smoke, signature);
  if (!expected) return std::unexpected(expected.error());
  const bool batches = signature.batch_rows_max > 0;
  const auto rows = batches ? rows_of(*inputs, *expected, signature) : Result<std::int64_t>(1);
  if (!rows) return std::unexpected(rows.error());
  for (std::int64_t first = 0; first < *rows;) {
    const std::int64_t count =
        batches ? std::min(*rows - first, signature.batch_rows_max) : std::int64_t{1};
    std::vector<base::Tensor> batch;
    for (base::Tensor& input : *inputs) {
      batch.push_back(batches ? take_rows(input, count) : input);
      if (auto copied = copy_to_own(batch.back()); !copied) return copied;
    }
    std::vector<Expected> part = *expected;
    for (std::size_t i = 0; batches && i < part.size(); ++i) {
      part[i].tensor = take_rows((*expected)[i].tensor, count);
    }
    if (reshaping) reshape_inputs(*reshaping, batches, batch);
    auto done = run_batch({.rows = count, .inputs = batch, .request_rows = {&count, 1}}, part,
                          smoke.tolerance, first, reshaping, executor);
    if (!done) return done;
    first += count;
  }
  return {};
}

}  // namespace

Result<> run_smoke(const Smoke& smoke, const std::optional<Reshaping>& reshaping,
                   Executor& executor) {
  auto done = run(smoke, reshaping, executor);
  if (done) return done;
  return fail(done.error().code, "smoke request: " + done.error().why);
}

}  // namespace penstock::model
