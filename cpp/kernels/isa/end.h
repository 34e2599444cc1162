// SPDX-License-Identifier: Apache-2.0
// Closes what a begin_*.h has opened.
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#undef PENSTOCK_ISA_NAMESPACE
