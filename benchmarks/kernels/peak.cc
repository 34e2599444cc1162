// SPDX-License-Identifier: Apache-2.0
// What this core can multiply at best: instructions on registers, 24 sums (8 of AVX2's) under way.
// Each line is KIND and billions of operations a second, a product and its sum being two. The clock
// of a shared machine wanders, so this is run beside what is held against it, again and again.
#include <algorithm>
#include <chrono>
#include <cstdio>

namespace {

constexpr long kLoops = 20'000;
constexpr int kTrials = 200;

template <class Work>
double best_ns(Work work) {
  using Clock = std::chrono::steady_clock;
  double best = 1e30;
  for (int i = 0; i < kTrials; ++i) {
    const auto begin = Clock::now();
    work(kLoops);
    best = std::min(best, std::chrono::duration<double, std::nano>(Clock::now() - begin).count());
  }
  return best;
}

// clang-format off
#define PENSTOCK_LOW_REGISTERS "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", \
    "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#define PENSTOCK_ONE(OP, N) OP " %%zmm30, %%zmm31, %%zmm" #N "\n"
#define PENSTOCK_EIGHT(OP, A, B, C, D, E, F, G, H) \
  PENSTOCK_ONE(OP, A) PENSTOCK_ONE(OP, B) PENSTOCK_ONE(OP, C) PENSTOCK_ONE(OP, D) \
  PENSTOCK_ONE(OP, E) PENSTOCK_ONE(OP, F) PENSTOCK_ONE(OP, G) PENSTOCK_ONE(OP, H)
#define PENSTOCK_ALL(OP) \
  PENSTOCK_EIGHT(OP, 0, 1, 2, 3, 4, 5, 6, 7) PENSTOCK_EIGHT(OP, 8, 9, 10, 11, 12, 13, 14, 15) \
  PENSTOCK_EIGHT(OP, 16, 17, 18, 19, 20, 21, 22, 23)
// Registers 16 to 31 are nobody's in a program that is not compiled for AVX-512.
#define PENSTOCK_LOOP(BODY) \
  [](long n) { asm volatile("1:\n" BODY "dec %0\njnz 1b\nvzeroupper\n" \
                            : "+r"(n) :: "cc", PENSTOCK_LOW_REGISTERS); }
// Of u8 and s8, as kernels/isa/dense_avx2_s8.cc makes it but for the sign.
#define PENSTOCK_AVX2(T, N) \
  "vpmaddubsw %%ymm15, %%ymm14, %%ymm" #T "\n" \
  "vpmaddwd %%ymm13, %%ymm" #T ", %%ymm" #T "\n" \
  "vpaddd %%ymm" #T ", %%ymm" #N ", %%ymm" #N "\n"
// clang-format on

void tell(const char* kind, double operations, double ns) {
  std::printf("%s\t%.1f\n", kind, operations * static_cast<double>(kLoops) / ns);
}

}  // namespace

int main() {
  // Registers may hold anything: zeros are set so that no float is a denormal, which would be slow.
  if (__builtin_cpu_supports("avx512vnni")) {
    tell("avx512 int8", 24 * 128, best_ns(PENSTOCK_LOOP(PENSTOCK_ALL("vpdpbusd"))));
    asm volatile("vpxord %%zmm30, %%zmm30, %%zmm30\nvpxord %%zmm31, %%zmm31, %%zmm31\n" ::: "cc");
    tell("avx512 fp32", 24 * 32, best_ns(PENSTOCK_LOOP(PENSTOCK_ALL("vfmadd231ps"))));
  }
  if (__builtin_cpu_supports("avx2")) {
    tell("avx2 int8", 8 * 64,
         best_ns(PENSTOCK_LOOP(PENSTOCK_AVX2(8, 0) PENSTOCK_AVX2(9, 1) PENSTOCK_AVX2(10, 2)
                                   PENSTOCK_AVX2(11, 3) PENSTOCK_AVX2(8, 4) PENSTOCK_AVX2(9, 5)
                                       PENSTOCK_AVX2(10, 6) PENSTOCK_AVX2(11, 7))));
  }
}
