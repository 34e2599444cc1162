// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "routing/route.h"

namespace penstock::routing {

// Why a request goes to its arm. Only what kAssigned says was left to chance, and only that is
// evidence.
enum class Why : std::uint8_t {
  kAssigned,  // by its key's bucket
  kForced,    // by a signed header
  kLabelled,  // by the version label that the request named
  kOverride,  // by the table
  kHoldout,   // its key is held out of rollouts
};

// What a request says that decides over its arm.
struct Asked {
  std::string_view key;
  std::optional<std::uint32_t> forced = {};    // checked already
  std::optional<std::uint32_t> labelled = {};  // an arm's index as well
};

struct Pick {
  std::uint32_t arm = 0;
  Why why = Why::kAssigned;
  std::uint64_t key_hash = 0;  // of the key with the route's salt
};

// The arm of a request. Pure: the same route, request and `is_cut` give the same arm anywhere.
// In this order: forced, labelled, override, holdout, bucket. `is_cut`: the canary gets nothing
// any more, whoever asks; its requests go to the fallback, for the reason they had.
Pick pick(const Route& route, const Asked& asked, bool is_cut);

// Whether a copy of the request with this key hash (Pick::key_hash) goes to the shadow. `nonce`
// differs from request to request: a shadow is to see a sample of requests, not of keys.
bool is_mirrored(const Shadow& shadow, std::uint64_t key_hash, std::uint64_t nonce);

}  // namespace penstock::routing
