// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "base/buffer.h"
#include "base/error.h"
#include "grpc/encoding.h"

// gRPC's message compression, by zlib. Each message is compressed by itself. Nothing of zlib lives
// longer than one call.
namespace penstock::grpc {

// A message as it was before compression; its end is aligned as try_allocate_message() has it.
// Allocates exactly the message's size and never more than `message_bytes_max`: gzip says the size
// itself, zlib's format does not, so there the message is decoded once to be measured and once to
// be kept. kResourceExhausted: longer than that; kInternal: corrupt, cut short, or followed by
// other bytes.
base::Result<base::Slice> decompress(Encoding encoding, std::span<const std::byte> compressed,
                                     std::size_t message_bytes_max);

// A frame in pieces, the first of which starts with kFramePrefixBytes of any value -> the same
// frame with its message compressed and its prefix written. An empty Slice where that would not
// save a byte or cannot be done: the frame then goes out as it is, with a prefix that says so.
base::Slice compress_frame(Encoding encoding, CompressionLevel level,
                           std::span<const base::Slice> pieces);

}  // namespace penstock::grpc
