// SPDX-License-Identifier: Apache-2.0
#include "routing/assignment.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace penstock::routing {
namespace {

constexpr char kSeparator = 0x1f;
constexpr std::size_t kPrefixBytes = 9;
// Keys up to this length are hashed in one piece; that is quicker than XXH3's streaming.
constexpr std::size_t kShortKeyBytes = 247;

void write_prefix(std::uint64_t salt, char* at) {
  for (unsigned byte = 0; byte < 8; ++byte) at[byte] = static_cast<char>(salt >> (8 * byte));
  at[8] = kSeparator;
}

std::uint64_t hash_long_key(std::uint64_t salt, std::string_view key) {
  std::array<char, kPrefixBytes> prefix;
  write_prefix(salt, prefix.data());
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, prefix.data(), prefix.size());
  XXH3_64bits_update(&state, key.data(), key.size());
  return XXH3_64bits_digest(&state);
}

}  // namespace

std::uint64_t hash_key(std::uint64_t salt, std::string_view key) {
  if (key.size() > kShortKeyBytes) return hash_long_key(salt, key);
  std::array<char, kPrefixBytes + kShortKeyBytes> bytes;
  write_prefix(salt, bytes.data());
  std::memcpy(bytes.data() + kPrefixBytes, key.data(), key.size());
  return XXH3_64bits(bytes.data(), kPrefixBytes + key.size());
}

}  // namespace penstock::routing
