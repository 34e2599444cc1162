// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "harness.h"
#include "http1/chunk_check.h"

namespace penstock::testing {
namespace {

bool is_sound(std::string_view line) { return http1::check_chunk_line(line, {}).has_value(); }

}  // namespace

TEST(http1_chunk_check, a_size_is_hexadecimal) {
  EXPECT_EQ(http1::check_chunk_line("0", {})->size, 0);
  EXPECT_EQ(http1::check_chunk_line("1f", {})->size, 31);
  EXPECT_EQ(http1::check_chunk_line("00A", {})->size, 10);
  for (const char* const line : {"", "g", "-1", "+1", "0x1", " 1", "1 ", "1\t", "1 ;a", "x1", ";a",
                                 "1,", "1.0", "1\r", "\r1"}) {
    EXPECT(!is_sound(line));
  }
}

TEST(http1_chunk_check, a_size_that_overflows_or_hides_behind_zeros_is_refused) {
  EXPECT_EQ(http1::check_chunk_line("fffffffffffffff", {})->size, 0xfffffffffffffffULL);
  EXPECT(!is_sound("1000000000000000"));
  EXPECT(!is_sound("10000000000000005"));
  EXPECT(!is_sound("0000000000000005"));
}

TEST(http1_chunk_check, extensions_are_names_and_values_and_nothing_else) {
  for (const char* const line :
       {"1;a", "1;a=b", "1;a=\"b c\"", "1;a=b;c", "1;a=\"\\\"\"", "1;a=\"\"", "1;a=\";\""}) {
    EXPECT(is_sound(line));
  }
  for (const char* const line :
       {"1;", "1;;", "1; a", "1;a ", "1;a=", "1;=b", "1;a=b c", "1;a=\"b", "1;a=\"b\"c", "1;\"a\"",
        "1;a\n", "1;a=\"\n\"", "1;a=\"\x01\"", "1;a=\"\\", "1;a\r;b"}) {
    EXPECT(!is_sound(line));
  }
}

TEST(http1_chunk_check, extensions_are_bounded) {
  const http1::Limits limits = {.chunk_extension_bytes_max = 4};
  EXPECT(http1::check_chunk_line("1;abc", limits).has_value());
  EXPECT(!http1::check_chunk_line("1;abcd", limits).has_value());
}

}  // namespace penstock::testing
