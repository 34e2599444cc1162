// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/artifact.h"

// What check_artifact() asks of each step by itself. Each refusal is a phrase that goes on behind
// the step's name.
namespace penstock::model::artifact {

inline std::unexpected<base::Error> refuse(std::string why) {
  return base::fail(base::Code::kInvalidArgument, std::move(why));
}

// "FLOAT32", and how many bytes a blob has for each element.
std::string_view name_of(Kind kind);
std::size_t element_bytes(Kind kind);
inline bool is_float(Kind kind) { return kind == Kind::kFloat32 || kind == Kind::kFloat64; }
inline bool is_number(Kind kind) { return is_float(kind) || kind == Kind::kInt64; }

// Whether `what` may read `reads`, at least one of them, and write `writes`.
base::Result<> check_step(const What& what, std::span<const Value> reads, Value writes);

// Whether a blob has `count` elements of `element_bytes`. `what` names it: "weight".
base::Result<> check_size(Bytes blob, std::uint64_t count, std::size_t element_bytes,
                          std::string_view what);
// The same, and whether all of them are numbers; infinities are none either.
base::Result<> check_floats(Bytes blob, std::uint64_t count, std::string_view what);
base::Result<> check_doubles(Bytes blob, std::uint64_t count, std::string_view what);

base::Result<> check_dense(const Dense& dense, Value read, Value writes);
base::Result<> check_forest(const Forest& forest, Value read, Value writes);

}  // namespace penstock::model::artifact
