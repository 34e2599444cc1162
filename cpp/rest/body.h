// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <expected>
#include <span>

#include "base/buffer.h"
#include "rest/coding.h"
#include "rest/status.h"

namespace penstock::rest {

// A body as it was before compression. gzip may have several members (RFC 1952 section 2.2), which
// are one body; "deflate" is zlib's format or, where the first bytes cannot be that, bare deflate.
// Never makes more than `body_bytes_max`, and allocates at most twice of what the body turns out to
// have: 413 past that, 400 for what is corrupt, cut short or followed by other bytes, 429 without
// memory.
std::expected<base::Slice, Refusal> decode_body(Coding coding, std::span<const std::byte> body,
                                                std::size_t body_bytes_max);

// An answer's body compressed, as one piece; empty where that would not save a byte or cannot be
// done, and the body then goes out as it is.
base::Slice encode_body(Coding coding, std::span<const base::Slice> pieces);

// 413, with the bound and the flag that sets it.
Refusal too_large(std::size_t body_bytes_max);

}  // namespace penstock::rest
