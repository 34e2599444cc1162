// SPDX-License-Identifier: Apache-2.0
#include "drift/fingerprint.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace penstock::drift {

std::uint64_t fingerprint(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace penstock::drift
