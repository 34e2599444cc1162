// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace penstock::base {

// The CRC-32 of zlib, gzip and PNG.
std::uint32_t crc32(std::span<const std::byte> bytes);

}  // namespace penstock::base
