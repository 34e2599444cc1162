// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/buffer.h"
#include "base/error.h"
#include "wire/infer_request.h"

namespace penstock::wire {

// An InferTensorContents -> the raw form of `input`, in input.bytes. Which field belongs to which
// datatype:
//
//   bool_contents BOOL   int_contents INT8 INT16 INT32     int64_contents INT64
//   bytes_contents BYTES uint_contents UINT8 UINT16 UINT32 uint64_contents UINT64
//   fp64_contents FP64   fp32_contents FP32 FP16 BF16 (the last two rounded to nearest even)
//
// Exactly `elements` must be there, in that field alone; they are counted before anything is
// allocated, so a block is at most 8 times as large as the message. `owner` keeps `contents` alive.
// False: no field holds an element, and input.bytes is as it was. Private to this room; may throw
// what protozero throws.
base::Result<bool> take_typed_contents(std::string_view contents, std::int64_t elements,
                                       const base::Buffer& owner, InferInput& input);

}  // namespace penstock::wire
