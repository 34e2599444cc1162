// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"
#include "harness.h"
#include "wire/limits.h"

namespace penstock {
namespace {

using base::is_utf8;
using base::quote;

TEST(base_text, well_formed_utf8_is_accepted) {
  EXPECT(is_utf8(""));
  EXPECT(is_utf8("plain ascii that is longer than eight bytes"));
  EXPECT(is_utf8("gr\xc3\xbcn"));
  EXPECT(is_utf8("\xc2\x80"));               // U+0080, the first of two bytes
  EXPECT(is_utf8("\xe0\xa0\x80"));           // U+0800
  EXPECT(is_utf8("\xed\x9f\xbf"));           // U+D7FF, before the surrogates
  EXPECT(is_utf8("\xf0\x90\x80\x80"));       // U+10000
  EXPECT(is_utf8("\xf4\x8f\xbf\xbf"));       // U+10FFFF, the last
  EXPECT(is_utf8("12345678\xe2\x82\xac."));  // past the first eight bytes
}

TEST(base_text, ill_formed_utf8_is_refused) {
  EXPECT(!is_utf8("\x80"));
  EXPECT(!is_utf8("1234567\xff"));
  EXPECT(!is_utf8("\xc3"));                  // cut off
  EXPECT(!is_utf8("\xe2\x82"));              // cut off
  EXPECT(!is_utf8("\xc3("));                 // no continuation
  EXPECT(!is_utf8("\xc0\x80"));              // overlong
  EXPECT(!is_utf8("\xc1\xbf"));              // overlong
  EXPECT(!is_utf8("\xe0\x9f\xbf"));          // overlong
  EXPECT(!is_utf8("\xf0\x8f\xbf\xbf"));      // overlong
  EXPECT(!is_utf8("\xed\xa0\x80"));          // a surrogate
  EXPECT(!is_utf8("\xf4\x90\x80\x80"));      // past U+10FFFF
  EXPECT(!is_utf8("\xf8\x88\x80\x80\x80"));  // five bytes
}

TEST(base_text, quoting_escapes_what_would_break_or_forge_a_log_line) {
  EXPECT_EQ(quote("x"), R"("x")");
  EXPECT_EQ(quote("it's \"x\"\n", '\''), R"('it\'s "x"\x0a')");
  EXPECT_EQ(quote("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(quote(std::string_view("a\n\r\t\0\x7f", 6)), R"("a\x0a\x0d\x09\x00\x7f")");
  EXPECT_EQ(quote("gr\xc3\xbcn"), "\"gr\xc3\xbcn\"");
  EXPECT_EQ(quote("\xff\xc3"), R"("\xff\xc3")");
  EXPECT_EQ(quote("\xc2\x85"), R"("\xc2\x85")");          // U+0085, a line break
  EXPECT_EQ(quote("\xe2\x80\xae"), R"("\xe2\x80\xae")");  // U+202E, right to left
  EXPECT_EQ(quote("\x1b[2J"), R"("\x1b[2J")");
}

TEST(base_text, quoting_cuts_long_names_between_characters) {
  EXPECT_EQ(quote(std::string(base::kQuotedCharactersMax, 'n')),
            '"' + std::string(base::kQuotedCharactersMax, 'n') + '"');
  EXPECT_EQ(quote(std::string(1'000'000, 'n')),
            '"' + std::string(base::kQuotedCharactersMax, 'n') + "\"...");
  std::string umlauts;
  for (std::size_t i = 0; i <= base::kQuotedCharactersMax; ++i) umlauts += "\xc3\xbc";
  EXPECT_EQ(quote(umlauts), '"' + umlauts.substr(0, umlauts.size() - 2) + "\"...");
}

}  // namespace
}  // namespace penstock
