// SPDX-License-Identifier: Apache-2.0
#include "drift/fingerprint.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace penstock::drift {

std::uint64_t fingerprint(std::span<const std::byte> bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace penstock::drift
