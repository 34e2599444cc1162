// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

// SHA-256 (FIPS 180-4) and HMAC with it (RFC 2104), by libcrypto.
namespace penstock::base {

using Digest = std::array<std::byte, 32>;

Digest sha256(std::string_view bytes);
Digest hmac_sha256(std::string_view key, std::string_view bytes);

// Takes the same time wherever they differ: for digests that prove who somebody is.
bool is_same_secret(const Digest& a, const Digest& b);

}  // namespace penstock::base
