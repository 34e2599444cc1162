// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace penstock::base {

// Prints the broken rule and its place to stderr and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace penstock::base

// A rule that only a bug in this program can break. What a peer, a file or a user can break is a
// base::Result instead.
#define PENSTOCK_CHECK(condition) \
  ((condition) ? void() : ::penstock::base::check_failed(#condition, __FILE__, __LINE__))
