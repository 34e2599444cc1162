// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/tensor.h"

namespace penstock::serving {

inline constexpr std::size_t kExamplesMax = 100;
// Elements of one tensor that an example has; of a larger one, the first so many.
inline constexpr std::size_t kExampleElementsMax = 256;
// Bytes of one BYTES element in it.
inline constexpr std::size_t kExampleTextMax = 256;

struct ExampleOptions {
  std::size_t count = 0;  // 0: none are kept; at most kExamplesMax
  base::Nanos kept_ns = 7 * 24 * 3600 * base::kSecond;
};

// A pair that a person may look at, as JSON (RFC 8259) of
//   {"request_id": text, "inputs": [tensor, ...], "primary": answer, "shadow": answer}
// where an answer is {"outputs": [tensor, ...]} or {"error": {"code": name, "message": text}}, and
// a tensor {"name", "datatype", "shape", "data": [...]}. In place of "data" or "message" there is
// "sensitive": true for what may not be kept, and with "data" there is "cut": true for more
// elements than are kept. Numbers that JSON cannot say are "NaN", "Infinity" and "-Infinity",
// BYTES that are no text {"b64": ...}.
struct ShadowExample {
  std::int64_t wall_ms = 0;  // since 1970, UTC
  std::uint64_t key_hash = 0;
  std::string json;
};

// A fair sample of bounded size out of however many come (Vitter's algorithm R), which forgets what
// is older than it may be.
class ShadowExamples {
 public:
  explicit ShadowExamples(const ExampleOptions& options);

  // Whether the next one has a place, so that it is worth making; counts it.
  bool has_place();
  // After has_place() said so.
  void keep(ShadowExample example, base::Nanos now);
  void forget_old(base::Nanos now);
  std::vector<ShadowExample> all() const;

 private:
  struct Kept {
    ShadowExample example;
    base::Nanos since_ns = 0;
  };

  const ExampleOptions options_;
  std::vector<Kept> kept_;
  std::uint64_t seen_ = 0;  // since it was empty
  std::size_t place_ = 0;   // of the next
  std::uint64_t random_;    // state of a splitmix64
};

// One tensor of an example. `is_sensitive`: its name, datatype and shape alone.
struct NamedTensor {
  std::string_view name;
  const base::Tensor* tensor = nullptr;
  bool is_sensitive = false;
};
struct ExampleAnswer {
  const base::Error* error = nullptr;  // null: `outputs`
  bool is_message_told = true;         // of the error; else its code alone
  std::vector<NamedTensor> outputs;
};

std::string example_json(std::string_view request_id, std::span<const NamedTensor> inputs,
                         const ExampleAnswer& primary, const ExampleAnswer& shadow);

}  // namespace penstock::serving
