// SPDX-License-Identifier: Apache-2.0
#include "routing/assignment.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace penstock::routing {

std::uint64_t hash_key(std::uint64_t salt, std::string_view key) {
  return XXH3_64bits_withSeed(key.data(), key.size(), salt);
}

}  // namespace penstock::routing
