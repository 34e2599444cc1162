// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/dtype.h"
#include "drift/block.h"

// Elements of tensors of fixed size, at any address.
namespace penstock::drift {

// Of each of `count` rows the element `offset` bytes from its begin, as float32, to the block; a
// row that is null is NaN, and so is what follows the last.
using GatherNumbers = void (*)(const std::byte* const* rows, std::size_t offset, std::size_t count,
                               Block& block);
// For no BYTES.
GatherNumbers gather_numbers(base::DType dtype);

using ReadNumber = float (*)(const std::byte* element);
ReadNumber read_number(base::DType dtype);

// For integers and BOOL. A UINT64 that int64 does not hold is the greatest that it holds.
using ReadInteger = std::int64_t (*)(const std::byte* element);
ReadInteger read_integer(base::DType dtype);

}  // namespace penstock::drift
