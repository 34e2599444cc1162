// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu.h"

#include <array>
#include <cstdlib>
#include <string>

#include "base/text.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace penstock::kernels {
namespace {

constexpr std::array kIsas = {Isa::kScalar, Isa::kAvx2, Isa::kAvx512};

constexpr std::uint32_t bits(std::initializer_list<int> places) {
  std::uint32_t word = 0;
  for (const int place : places) word |= std::uint32_t{1} << place;
  return word;
}

template <class Word>
bool has_all(Word word, Word wanted) {
  return (word & wanted) == wanted;
}

constexpr std::uint32_t kLeaf1Osxsave = bits({27});
constexpr std::uint32_t kLeaf1EcxAvx2 = bits({12, 23, 28, 29});        // FMA, POPCNT, AVX, F16C
constexpr std::uint32_t kLeaf7EbxAvx2 = bits({3, 5, 8});               // BMI1, AVX2, BMI2
constexpr std::uint32_t kExtended1EcxAvx2 = bits({5});                 // LZCNT
constexpr std::uint32_t kLeaf7EbxAvx512 = bits({16, 17, 28, 30, 31});  // F, DQ, CD, BW, VL
constexpr std::uint32_t kLeaf7EcxAvx512 = bits({1, 11});               // VBMI, VNNI
constexpr std::uint32_t kLeaf71EaxBf16 = bits({5});

constexpr std::uint64_t kXcr0Ymm = 0x06;  // xmm, the upper halves of ymm
constexpr std::uint64_t kXcr0Zmm = 0xe6;  // and masks, the upper halves of zmm, zmm16..zmm31

}  // namespace

std::string_view name_of(Isa isa) {
  switch (isa) {
    case Isa::kScalar: return "scalar";
    case Isa::kAvx2: return "avx2";
    case Isa::kAvx512: return "avx512";
  }
  return "unknown";
}

CpuWords read_cpu_words() {
  CpuWords words;
#if defined(__x86_64__)
  std::uint32_t eax = 0;
  std::uint32_t ebx = 0;
  std::uint32_t ecx = 0;
  std::uint32_t edx = 0;
  if (__get_cpuid(0, &eax, &ebx, &ecx, &edx) != 0) words.is_amd = ebx == signature_AMD_ebx;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0) words.leaf1_ecx = ecx;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0) {
    words.leaf7_ebx = ebx;
    words.leaf7_ecx = ecx;
    // Leaf 7 says in eax how many subleaves it has; others answer with rubbish.
    if (eax >= 1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0) words.leaf7_1_eax = eax;
  }
  if (__get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) != 0) words.extended1_ecx = ecx;
  if (has_all(words.leaf1_ecx, kLeaf1Osxsave)) {
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    words.xcr0 = std::uint64_t{high} << 32 | low;
  }
#endif
  return words;
}

Isa best_isa(const CpuWords& words) {
  if (!has_all(words.xcr0, kXcr0Ymm) || !has_all(words.leaf1_ecx, kLeaf1EcxAvx2) ||
      !has_all(words.leaf7_ebx, kLeaf7EbxAvx2) ||
      !has_all(words.extended1_ecx, kExtended1EcxAvx2)) {
    return Isa::kScalar;
  }
  if (!has_all(words.xcr0, kXcr0Zmm) || !has_all(words.leaf7_ebx, kLeaf7EbxAvx512) ||
      !has_all(words.leaf7_ecx, kLeaf7EcxAvx512)) {
    return Isa::kAvx2;
  }
  return Isa::kAvx512;
}

bool has_avx512_bf16(const CpuWords& words) {
  return best_isa(words) == Isa::kAvx512 && has_all(words.leaf7_1_eax, kLeaf71EaxBf16);
}

bool has_fast_bf16(const CpuWords& words) { return words.is_amd && has_avx512_bf16(words); }

base::Result<Isa> choose_isa(std::string_view wanted, Isa best) {
  if (wanted.empty()) return best;
  for (const Isa isa : kIsas) {
    if (wanted != name_of(isa)) continue;
    if (isa <= best) return isa;
    return base::fail(base::Code::kFailedPrecondition,
                      std::string(kIsaVariable) + " is " + std::string(wanted) +
                          ", and the best that this machine can run is " +
                          std::string(name_of(best)) + ".");
  }
  return base::fail(base::Code::kInvalidArgument, std::string(kIsaVariable) + " is " +
                                                      base::quote(wanted) +
                                                      ": wanted scalar, avx2, avx512 or nothing.");
}

base::Result<Isa> chosen_isa() {
  const char* const wanted = std::getenv(kIsaVariable);
  return choose_isa(wanted == nullptr ? "" : wanted, best_isa(read_cpu_words()));
}

}  // namespace penstock::kernels
