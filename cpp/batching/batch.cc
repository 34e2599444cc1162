// SPDX-License-Identifier: Apache-2.0
#include "batching/batch.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>

#include "base/bytes_elements.h"
#include "base/check.h"
#include "batching/shape.h"

namespace penstock::batching {

namespace {

// Outcomes' vectors kept for later ones.
constexpr std::size_t kSpareOutputsMax = 256;

using base::Nanos;
using base::Result;
using base::Tensor;

static_assert(std::endian::native == std::endian::little, "tensors are little-endian, as V2's");

// How far behind the first ticket cut_front() looks for its like.
constexpr std::size_t kLookAheadTickets = 256;

bool is_aligned(const Tensor& tensor) {
  return reinterpret_cast<std::uintptr_t>(tensor.bytes.bytes.data()) % base::kTensorAlignment == 0;
}

// How many bytes the first `elements` BYTES elements take, or nothing if `bytes` holds fewer.
std::optional<std::size_t> bytes_elements_size(std::span<const std::byte> bytes,
                                               std::int64_t elements) {
  std::span<const std::byte> rest = bytes;
  if (!base::skip_bytes_elements(rest, static_cast<std::uint64_t>(elements))) return std::nullopt;
  return bytes.size() - rest.size();
}

}  // namespace

BatchRunner::BatchRunner(std::string model_name, const base::Signature& signature,
                         bool takes_unaligned, Clock now)
    : model_name_(std::move(model_name)),
      signature_(signature),
      takes_unaligned_(takes_unaligned),
      now_(now) {}

void BatchRunner::run(Tickets tickets, ExecuteRef execute_ref, std::vector<Reply>& replies,
                      Nanos cut_ns) {
  PENSTOCK_CHECK(tickets.size() == 1 || (is_batching() && !tickets.empty()));
  if (cut_ns == 0) cut_ns = now_();
  const std::size_t first = replies.size();
  rows_ = 0;
  request_rows_.clear();
  bool has_facts = false;
  for (const auto& ticket : tickets) {
    rows_ += ticket->rows;
    request_rows_.push_back(ticket->rows);
    has_facts = has_facts || !ticket->facts.empty();
  }
  for (std::size_t i = 0; has_facts && i < tickets.size(); ++i) {
    request_facts_.push_back(tickets[i]->facts);
  }

  Result<> result = gather(tickets);
  const bool is_executed = result.has_value();
  // Without a copy there is nothing to time, and reading the clock costs as much as a small batch.
  const Nanos gathered_ns = gathered_.empty() ? cut_ns : now_();
  if (is_executed) result = execute(execute_ref);
  const Nanos executed_ns = executed_ns_ = now_();
  if (is_executed) last_run_ns_ = executed_ns - gathered_ns;
  report_ = {.rows = rows_,
             .is_ok = result.has_value(),
             .compute_input_ns = gathered_ns - cut_ns,
             .compute_infer_ns = executed_ns - gathered_ns};

  replies.reserve(first + tickets.size());
  for (const auto& ticket : tickets) {
    Reply& reply = replies.emplace_back();
    reply.address = ticket->reply;
    reply.outcome.batch_rows = is_executed ? rows_ : 0;
    reply.outcome.rows = ticket->rows;
    reply.outcome.queue_ns = std::max<Nanos>(0, cut_ns - ticket->enqueued_ns);
    reply.outcome.compute_input_ns = report_.compute_input_ns;
    reply.outcome.compute_infer_ns = report_.compute_infer_ns;
    if (!result) reply.outcome.outputs = std::unexpected(result.error());
  }
  const std::span<Reply> own = std::span(replies).subspan(first);
  if (result && !answers_.empty()) {
    give_answers(own);
  } else if (result && own.size() == 1) {
    own.front().outcome.outputs = std::move(outputs_);
    if (!spare_outputs_.empty()) {
      outputs_ = std::move(spare_outputs_.back());
      spare_outputs_.pop_back();
    }
  } else if (result) {
    scatter(own);
    report_.compute_output_ns = now_() - executed_ns;
    for (Reply& reply : own) reply.outcome.compute_output_ns = report_.compute_output_ns;
  }
  inputs_ = {};
  gathered_.clear();
  outputs_.clear();
  request_facts_.clear();
  answers_.clear();
}

void BatchRunner::recycle(std::vector<Tensor>&& outputs) {
  if (spare_outputs_.size() == kSpareOutputsMax) return;
  outputs.clear();
  spare_outputs_.push_back(std::move(outputs));
}

Result<> BatchRunner::gather(Tickets tickets) {
  const std::span<const Tensor> alone = tickets.front()->inputs;
  PENSTOCK_CHECK(alone.size() == signature_.inputs.size());
  const auto may_stay = [this](const Tensor& input) {
    return takes_unaligned_ || is_aligned(input) || !input.is_present;
  };
  if (tickets.size() == 1 && std::ranges::all_of(alone, may_stay)) {
    inputs_ = alone;
    return {};
  }
  for (std::size_t i = 0; i < alone.size(); ++i) {
    if (tickets.size() == 1 && may_stay(alone[i])) {
      gathered_.push_back(alone[i]);
    } else if (auto done = gather_input(tickets, i); !done) {
      return done;
    }
  }
  inputs_ = gathered_;
  return {};
}

Result<> BatchRunner::gather_input(Tickets tickets, std::size_t input) {
  const Tensor& first = tickets.front()->inputs[input];
  Tensor& together = gathered_.emplace_back(Tensor{
      .dtype = first.dtype, .shape = first.shape, .bytes = {}, .is_present = first.is_present});
  if (!first.is_present) return {};
  if (is_batching()) together.shape[0] = rows_;

  std::size_t size = 0;
  for (const auto& ticket : tickets) size += ticket->inputs[input].bytes.bytes.size();
  together.bytes.owner = base::Buffer::try_allocate(size);
  if (size > 0 && !together.bytes.owner) {
    return base::fail(base::Code::kResourceExhausted,
                      "model \"" + model_name_ + "\": no memory for the " + std::to_string(size) +
                          " bytes of input \"" + signature_.inputs[input].name + "\" of a batch");
  }
  together.bytes.bytes = together.bytes.owner.bytes();
  std::byte* to = together.bytes.owner.data();
  for (const auto& ticket : tickets) {
    const Tensor& own = ticket->inputs[input];
    PENSTOCK_CHECK(!is_batching() || (own.shape.rank() > 0 && own.shape[0] == ticket->rows));
    const std::span<const std::byte> from = own.bytes.bytes;
    if (from.empty()) continue;
    std::memcpy(to, from.data(), from.size());
    to += from.size();
  }
  return {};
}

Result<> BatchRunner::execute(ExecuteRef execute_ref) {
  const BatchView batch{.rows = rows_,
                        .inputs = inputs_,
                        .request_rows = request_rows_,
                        .request_facts = request_facts_,
                        .answers = &answers_};
  if (auto done = execute_ref(batch, outputs_); !done) return done;
  PENSTOCK_CHECK(answers_.empty() || answers_.size() == request_rows_.size());
  return answers_.empty() ? check_outputs() : Result<>();
}

void BatchRunner::give_answers(std::span<Reply> replies) {
  for (std::size_t i = 0; i < replies.size(); ++i) {
    base::Answer& answer = answers_[i];
    if (answer) {
      if (auto checked = check_answer(*answer, request_rows_[i]); !checked) {
        answer = std::unexpected(std::move(checked).error());
      }
    }
    replies[i].outcome.outputs = std::move(answer);
  }
}

base::Error BatchRunner::broken(std::string why) const {
  return {base::Code::kInternal, "model \"" + model_name_ + "\": its backend " + std::move(why)};
}

Result<> BatchRunner::check_outputs() const {
  if (auto counted = check_count(outputs_.size()); !counted) return counted;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    auto checked = check_output(outputs_[i], signature_.outputs[i], rows_);
    if (!checked) return checked;
  }
  return {};
}

Result<> BatchRunner::check_answer(std::span<const Tensor> outputs, std::int64_t rows) const {
  if (auto counted = check_count(outputs.size()); !counted) return counted;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].is_present) continue;
    if (auto checked = check_output(outputs[i], signature_.outputs[i], rows); !checked) {
      return checked;
    }
  }
  return {};
}

Result<> BatchRunner::check_count(std::size_t outputs) const {
  if (outputs == signature_.outputs.size()) return {};
  return std::unexpected(broken("returned " + std::to_string(outputs) + " outputs, wanted " +
                                std::to_string(signature_.outputs.size())));
}

Result<> BatchRunner::check_output(const Tensor& output, const base::TensorSpec& spec,
                                   std::int64_t rows) const {
  const auto wrong = [&](const std::string& wanted, const std::string& found) {
    return std::unexpected(
        broken("returned output \"" + spec.name + "\" with " + found + ", wanted " + wanted));
  };
  const base::Shape& shape = output.shape;
  if (output.dtype != spec.dtype) {
    return wrong("datatype " + std::string(name_of(spec.dtype)),
                 "datatype " + std::string(name_of(output.dtype)));
  }
  if (is_batching() && (shape.rank() == 0 || shape[0] != rows)) {
    return wrong(std::to_string(rows) + " rows as its first dimension", "shape " + shape.text());
  }
  const auto elements = shape.elements();
  if (!elements) return wrong("dimensions that are not negative", "shape " + shape.text());

  const std::span<const std::byte> bytes = output.bytes.bytes;
  if (output.dtype == base::DType::kBytes) {
    if (bytes_elements_size(bytes, *elements) != bytes.size()) {
      return wrong(
          std::to_string(*elements) + " length-prefixed elements for its shape " + shape.text(),
          std::to_string(bytes.size()) + " bytes that do not hold just these");
    }
    return {};
  }
  const std::size_t element_bytes = base::element_bytes(output.dtype);
  if (bytes.size() % element_bytes == 0 &&
      std::cmp_equal(bytes.size() / element_bytes, *elements)) {
    return {};
  }
  return wrong(std::to_string(*elements) + " elements for its shape " + shape.text(),
               std::to_string(bytes.size()) + " bytes");
}

void BatchRunner::scatter(std::span<Reply> replies) {
  for (Reply& reply : replies) {
    if (!spare_outputs_.empty()) {
      *reply.outcome.outputs = std::move(spare_outputs_.back());
      spare_outputs_.pop_back();
    }
    reply.outcome.outputs->reserve(outputs_.size());
  }
  for (const Tensor& output : outputs_) scatter_output(output, replies);
}

void BatchRunner::scatter_output(const Tensor& output, std::span<Reply> replies) const {
  const std::int64_t row_elements = *output.shape.elements() / rows_;
  const std::size_t row_bytes = output.bytes.bytes.size() / static_cast<std::size_t>(rows_);
  std::span<const std::byte> rest = output.bytes.bytes;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    const std::int64_t rows = request_rows_[i];
    const std::size_t size = output.dtype == base::DType::kBytes
                                 ? *bytes_elements_size(rest, row_elements * rows)
                                 : row_bytes * static_cast<std::size_t>(rows);
    Tensor& own = replies[i].outcome.outputs->emplace_back();
    own.dtype = output.dtype;
    own.shape = output.shape;
    own.shape[0] = rows;
    own.bytes = {.owner = output.bytes.owner, .bytes = rest.first(size)};
    rest = rest.subspan(size);
  }
}

std::size_t cut_front(std::span<std::unique_ptr<Ticket>> tickets, std::int64_t rows_max) {
  const Ticket& first = *tickets.front();
  std::int64_t rows = first.rows;
  std::size_t count = 1;
  const std::size_t end = std::min(tickets.size(), kLookAheadTickets);
  for (std::size_t i = 1; i < end && rows < rows_max; ++i) {
    const Ticket& next = *tickets[i];
    if (next.shape_key != first.shape_key || !same_shapes(next.inputs, first.inputs)) continue;
    if (rows + next.rows > rows_max) break;
    rows += next.rows;
    const auto at = tickets.begin();
    const auto from = at + static_cast<std::ptrdiff_t>(i);
    if (i != count) std::rotate(at + static_cast<std::ptrdiff_t>(count), from, from + 1);
    ++count;
  }
  return count;
}

}  // namespace penstock::batching
