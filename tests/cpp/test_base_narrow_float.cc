// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include "base/narrow_float.h"
#include "harness.h"

namespace penstock {
namespace {

using base::bf16_of;
using base::fp16_of;

// The definition of binary16: sign, 5 bits of exponent, 10 of fraction. Finite values only.
double value_of_fp16(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const double fraction = bits & 1023;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

TEST(base_narrow_float, every_finite_fp16_value_stays_what_it_is) {
  for (std::uint32_t sign = 0; sign <= 0x8000; sign += 0x8000) {
    for (std::uint32_t magnitude = 0; magnitude < 0x7c00; ++magnitude) {
      const auto bits = static_cast<std::uint16_t>(sign | magnitude);
      REQUIRE(fp16_of(static_cast<float>(value_of_fp16(bits))) == bits);
    }
  }
}

TEST(base_narrow_float, half_way_between_two_fp16_values_goes_to_the_even_one) {
  for (std::uint16_t bits = 0; bits < 0x7bff; ++bits) {
    const auto next = static_cast<std::uint16_t>(bits + 1);
    const auto middle =
        static_cast<float>((value_of_fp16(bits) + value_of_fp16(next)) / 2);  // exact
    REQUIRE(fp16_of(middle) == ((bits & 1) == 0 ? bits : next));
    REQUIRE(fp16_of(std::nextafter(middle, 0.0F)) == bits);
    REQUIRE(fp16_of(std::nextafter(middle, 1e9F)) == next);
    REQUIRE(fp16_of(-std::nextafter(middle, 1e9F)) == (next | 0x8000));
  }
}

TEST(base_narrow_float, what_fp16_cannot_hold_becomes_infinite_or_zero) {
  EXPECT_EQ(fp16_of(65519.996F), 0x7bff);
  EXPECT_EQ(fp16_of(65520.0F), 0x7c00);
  EXPECT_EQ(fp16_of(-3e38F), 0xfc00);
  EXPECT_EQ(fp16_of(std::numeric_limits<float>::infinity()), 0x7c00);
  EXPECT_EQ(fp16_of(std::numeric_limits<float>::denorm_min()), 0);
  EXPECT_EQ(fp16_of(-0.0F), 0x8000);
}

TEST(base_narrow_float, a_nan_stays_a_quiet_nan_with_its_sign) {
  for (const std::uint32_t bits : {0x7f800001U, 0x7fc00000U, 0xff800001U, 0xffffffffU}) {
    const auto value = std::bit_cast<float>(bits);
    const std::uint32_t sign = bits >> 31 << 15;
    EXPECT_EQ(fp16_of(value) & 0xfe00U, sign | 0x7e00U);
    EXPECT_EQ(bf16_of(value) & 0xffc0U, sign | 0x7fc0U);
  }
}

TEST(base_narrow_float, bf16_keeps_every_value_of_its_own_and_rounds_ties_to_even) {
  for (std::uint32_t high = 0; high < 0x7f80; ++high) {
    const auto bits = static_cast<std::uint16_t>(high);
    const auto next = static_cast<std::uint16_t>(high + 1);
    REQUIRE(bf16_of(std::bit_cast<float>(high << 16)) == bits);
    REQUIRE(bf16_of(std::bit_cast<float>(high << 16 | 0x7fffU)) == bits);
    REQUIRE(bf16_of(std::bit_cast<float>(high << 16 | 0x8000U)) == ((bits & 1) == 0 ? bits : next));
    REQUIRE(bf16_of(std::bit_cast<float>(high << 16 | 0x8001U)) == next);
    REQUIRE(bf16_of(std::bit_cast<float>(high << 16 | 0x80008001U)) == (next | 0x8000));
  }
  EXPECT_EQ(bf16_of(std::numeric_limits<float>::infinity()), 0x7f80);
  EXPECT_EQ(bf16_of(std::numeric_limits<float>::max()), 0x7f80);
}

}  // namespace
}  // namespace penstock
