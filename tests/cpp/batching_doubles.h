// SPDX-License-Identifier: Apache-2.0
#pragma once

// Small real objects that stand in for the neighbours of cpp/batching in its tests.

#include <atomic>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/monitor.h"
#include "base/tensor.h"
#include "batching/batch.h"
#include "batching/shape.h"
#include "batching/ticket.h"

namespace penstock::testing {

// A clock that stands still until it is moved; its functions serve as Queue::Clock.
struct FakeClock {
  static inline std::atomic<base::Nanos> time{0};
  static base::Nanos now() { return time; }
  // Every look at the clock lets a nanosecond pass, so that phases have different lengths.
  static base::Nanos ticking() { return ++time; }
};

template <class Element>
base::Tensor tensor_of(base::DType dtype, base::Shape shape, const std::vector<Element>& values) {
  const base::Buffer buffer = base::Buffer::allocate(values.size() * sizeof(Element));
  if (buffer) std::memcpy(buffer.data(), values.data(), buffer.size());
  return {.dtype = dtype, .shape = shape, .bytes = {.owner = buffer, .bytes = buffer.bytes()}};
}

static inline base::Tensor floats(base::Shape shape, const std::vector<float>& values) {
  return tensor_of(base::DType::kFp32, shape, values);
}

// A BYTES tensor: each text with its length before it.
inline base::Tensor texts(base::Shape shape, const std::vector<std::string>& values) {
  std::vector<char> bytes;
  for (const std::string& value : values) {
    const auto size = static_cast<std::uint32_t>(value.size());
    const auto* raw = reinterpret_cast<const char*>(&size);
    bytes.insert(bytes.end(), raw, raw + sizeof size);
    bytes.insert(bytes.end(), value.begin(), value.end());
  }
  return tensor_of(base::DType::kBytes, shape, bytes);
}

inline std::vector<float> values_of(const base::Tensor& tensor) {
  std::vector<float> values(tensor.bytes.bytes.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), tensor.bytes.bytes.data(), values.size() * 4);
  return values;
}

inline float first_value(const base::Tensor& tensor) { return values_of(tensor).front(); }

inline std::unique_ptr<batching::Ticket> ticket_with(std::uint64_t id,
                                                     std::vector<base::Tensor> inputs,
                                                     std::int64_t rows = 1) {
  auto ticket = std::make_unique<batching::Ticket>();
  ticket->reply.connection_id = id;
  ticket->rows = rows;
  ticket->inputs = std::move(inputs);
  ticket->shape_key = batching::shape_key(ticket->inputs);
  return ticket;
}

// One input [rows, width]; all its values are `id`.
inline std::unique_ptr<batching::Ticket> ticket_of(std::uint64_t id, std::int64_t rows = 1,
                                                   std::int64_t width = 2) {
  const std::vector<float> values(static_cast<std::size_t>(rows * width), static_cast<float>(id));
  std::vector<base::Tensor> inputs;
  inputs.push_back(floats({rows, width}, values));
  return ticket_with(id, std::move(inputs), rows);
}

inline std::vector<std::uint64_t> ids_of(
    std::span<const std::unique_ptr<batching::Ticket>> tickets) {
  std::vector<std::uint64_t> ids;
  for (const auto& ticket : tickets) ids.push_back(ticket->reply.connection_id);
  return ids;
}

// Signature of the models below: "x" -> "y", both [batch, any].
inline base::Signature one_to_one(std::int64_t batch_rows_max,
                                  base::DType dtype = base::DType::kFp32) {
  return {.inputs = {{.name = "x", .dtype = dtype, .dims = {-1}}},
          .outputs = {{.name = "y", .dtype = dtype, .dims = {-1}}},
          .batch_rows_max = batch_rows_max};
}

// Answers every input with itself.
struct EchoExecutor {
  base::Result<> operator()(const batching::BatchView& batch,
                            std::vector<base::Tensor>& outputs) const {
    outputs.assign(batch.inputs.begin(), batch.inputs.end());
    return {};
  }
};

// Executes nothing until the test says so: every call waits for one finish(), then echoes.
class PuppetExecutor {
 public:
  base::Result<> operator()(const batching::BatchView& batch, std::vector<base::Tensor>& outputs) {
    auto strings = strings_.lock();
    ++strings->begun;
    strings_.notify_all();
    while (strings->allowed == 0) strings.wait();
    --strings->allowed;
    outputs.assign(batch.inputs.begin(), batch.inputs.end());
    return {};
  }

  void wait_until_begun(int calls) {
    auto strings = strings_.lock();
    while (strings->begun < calls) strings.wait();
  }
  void finish(int calls = 1) {
    strings_.lock()->allowed += calls;
    strings_.notify_all();
  }

 private:
  struct Strings {
    int begun = 0;
    int allowed = 0;
  };
  base::Monitor<Strings> strings_;
};

// Keeps what a Batcher delivers, a vector per delivery.
class Mailbox {
 public:
  void deliver(std::span<batching::Reply> replies) {
    auto post = post_.lock();
    post->replies += replies.size();
    auto& lot = post->lots.emplace_back();
    for (batching::Reply& reply : replies) lot.push_back(std::move(reply));
    post_.notify_all();
  }
  // Waits until `replies` have come in all, then gives the lots.
  std::vector<std::vector<batching::Reply>> take(std::size_t replies) {
    auto post = post_.lock();
    while (post->replies < replies) post.wait();
    return std::move(post->lots);
  }

 private:
  struct Post {
    std::size_t replies = 0;
    std::vector<std::vector<batching::Reply>> lots;
  };
  base::Monitor<Post> post_;
};

}  // namespace penstock::testing
