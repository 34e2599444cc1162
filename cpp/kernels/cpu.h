// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"

// What this machine can compute with. Everything here is asked once, at load.
namespace penstock::kernels {

// Instruction sets that kernels are written for, each containing the ones before it.
enum class Isa : std::uint8_t {
  kScalar = 0,  // what the compiler makes of plain C++
  kAvx2 = 1,    // x86-64-v3: AVX2, FMA, BMI1, BMI2, LZCNT, POPCNT, F16C
  kAvx512 = 2,  // and AVX-512 F, BW, VL, DQ, CD, VNNI, VBMI
};

// The environment variable that forces one.
inline constexpr const char* kIsaVariable = "PENSTOCK_ISA";

// scalar, avx2, avx512.
std::string_view name_of(Isa isa);

// The words of CPUID and XCR0 that the answer depends on; all zero where there is no CPUID.
struct CpuWords {
  std::uint32_t leaf1_ecx = 0;
  std::uint32_t leaf7_ebx = 0;
  std::uint32_t leaf7_ecx = 0;
  std::uint32_t leaf7_1_eax = 0;
  std::uint32_t extended1_ecx = 0;  // leaf 0x80000001
  std::uint64_t xcr0 = 0;           // registers that the system saves; 0 without OSXSAVE
  bool is_amd = false;

  friend bool operator==(const CpuWords&, const CpuWords&) = default;
};

CpuWords read_cpu_words();

// The best that such a machine can run. Pure.
Isa best_isa(const CpuWords& words);

// Whether it multiplies bfloat16 as well, which kAvx512 does not promise. Pure.
bool has_avx512_bf16(const CpuWords& words);

// Whether doing so is faster than to multiply floats, as it is on AMD's since Zen 4: Intel's have
// half as much of it (measured on a Xeon of family 6, model 207: 0.5 a cycle against 2 of
// multiplications of floats that are half as wide). Pure.
bool has_fast_bf16(const CpuWords& words);

// `wanted` if a machine whose best is `best` can run it, `best` if nothing is wanted. Pure.
base::Result<Isa> choose_isa(std::string_view wanted, Isa best);

// choose_isa() of this machine and of PENSTOCK_ISA.
base::Result<Isa> chosen_isa();

}  // namespace penstock::kernels
