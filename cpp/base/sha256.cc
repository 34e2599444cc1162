// SPDX-License-Identifier: Apache-2.0
#include "base/sha256.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <limits>

#include "base/check.h"

namespace penstock::base {
namespace {

unsigned char* bytes_of(Digest& digest) { return reinterpret_cast<unsigned char*>(digest.data()); }

}  // namespace

Digest sha256(std::string_view bytes) {
  Digest digest;
  unsigned written = 0;
  PENSTOCK_CHECK(EVP_Digest(bytes.data(), bytes.size(), bytes_of(digest), &written, EVP_sha256(),
                            nullptr) == 1);
  PENSTOCK_CHECK(written == digest.size());
  return digest;
}

Digest hmac_sha256(std::string_view key, std::string_view bytes) {
  PENSTOCK_CHECK(key.size() <= std::size_t{std::numeric_limits<int>::max()});
  Digest digest;
  unsigned written = 0;
  // A null pointer would mean "the key of the last time" to libcrypto.
  const char* key_bytes = key.empty() ? "" : key.data();
  PENSTOCK_CHECK(HMAC(EVP_sha256(), key_bytes, static_cast<int>(key.size()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                      bytes_of(digest), &written) != nullptr);
  PENSTOCK_CHECK(written == digest.size());
  return digest;
}

bool is_same_secret(const Digest& a, const Digest& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace penstock::base
