// SPDX-License-Identifier: Apache-2.0
#pragma once

// Intel's intrinsics, in which gcc 12 sees uninitialized variables: it spells "undefined" so.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop
