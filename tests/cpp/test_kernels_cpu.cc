// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <optional>
#include <string>

#include "harness.h"
#include "kernels/cpu.h"

namespace penstock::kernels {
namespace {

// A machine that can do all that kernels ask for.
constexpr CpuWords kCapable = {.leaf1_ecx = 0xffff'ffff,
                               .leaf7_ebx = 0xffff'ffff,
                               .leaf7_ecx = 0xffff'ffff,
                               .leaf7_1_eax = 0xffff'ffff,
                               .extended1_ecx = 0xffff'ffff,
                               .xcr0 = 0xe7};

CpuWords without(std::uint32_t CpuWords::*word, int bit) {
  CpuWords words = kCapable;
  words.*word &= ~(std::uint32_t{1} << bit);
  return words;
}

TEST(kernels_cpu, a_machine_runs_what_all_its_features_allow) {
  EXPECT_EQ(best_isa(kCapable), Isa::kAvx512);
  EXPECT_EQ(best_isa({}), Isa::kScalar);
  for (const int bit : {12, 23, 28, 29}) {
    EXPECT_EQ(best_isa(without(&CpuWords::leaf1_ecx, bit)), Isa::kScalar);
  }
  for (const int bit : {3, 5, 8}) {
    EXPECT_EQ(best_isa(without(&CpuWords::leaf7_ebx, bit)), Isa::kScalar);
  }
  EXPECT_EQ(best_isa(without(&CpuWords::extended1_ecx, 5)), Isa::kScalar);
  for (const int bit : {16, 17, 28, 30, 31}) {
    EXPECT_EQ(best_isa(without(&CpuWords::leaf7_ebx, bit)), Isa::kAvx2);
  }
  for (const int bit : {1, 11}) {
    EXPECT_EQ(best_isa(without(&CpuWords::leaf7_ecx, bit)), Isa::kAvx2);
  }
}

TEST(kernels_cpu, registers_that_the_system_does_not_save_are_not_used) {
  CpuWords words = kCapable;
  words.xcr0 = 0x07;
  EXPECT_EQ(best_isa(words), Isa::kAvx2);
  EXPECT(!has_avx512_bf16(words));
  words.xcr0 = 0x03;
  EXPECT_EQ(best_isa(words), Isa::kScalar);
}

TEST(kernels_cpu, bfloat16_is_a_feature_by_itself) {
  EXPECT(has_avx512_bf16(kCapable));
  EXPECT(!has_avx512_bf16(without(&CpuWords::leaf7_1_eax, 5)));
  EXPECT_EQ(best_isa(without(&CpuWords::leaf7_1_eax, 5)), Isa::kAvx512);
}

TEST(kernels_cpu, a_wanted_instruction_set_is_used_or_refused_and_never_replaced) {
  EXPECT_EQ(*choose_isa("", Isa::kAvx2), Isa::kAvx2);
  EXPECT_EQ(*choose_isa("scalar", Isa::kAvx512), Isa::kScalar);
  EXPECT_EQ(*choose_isa("avx2", Isa::kAvx512), Isa::kAvx2);
  EXPECT_EQ(*choose_isa("avx512", Isa::kAvx512), Isa::kAvx512);
  const auto impossible = choose_isa("avx512", Isa::kAvx2);
  REQUIRE(!impossible.has_value());
  EXPECT_EQ(impossible.error().why,
            "PENSTOCK_ISA is avx512, and the best that this machine can run is avx2.");
  for (const char* const unknown : {"AVX2", "sse", "avx512 "}) {
    const auto refused = choose_isa(unknown, Isa::kAvx512);
    REQUIRE(!refused.has_value());
    EXPECT_CONTAINS(refused.error().why, "wanted scalar, avx2, avx512 or nothing.");
  }
}

TEST(kernels_cpu, the_environment_is_heard) {
  const char* const before = std::getenv(kIsaVariable);
  const std::optional<std::string> kept =
      before ? std::optional<std::string>(before) : std::nullopt;
  ::setenv(kIsaVariable, "scalar", 1);
  EXPECT_EQ(*chosen_isa(), Isa::kScalar);
  ::setenv(kIsaVariable, "mmx", 1);
  EXPECT(!chosen_isa().has_value());
  ::unsetenv(kIsaVariable);
  EXPECT_EQ(*chosen_isa(), best_isa(read_cpu_words()));
  if (kept) ::setenv(kIsaVariable, kept->c_str(), 1);
}

}  // namespace
}  // namespace penstock::kernels
