// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "base/name_pattern.h"
#include "harness.h"

namespace penstock::testing {
namespace {

using base::NamePattern;

bool matches(std::string_view pattern, std::string_view name) {
  return NamePattern::make(pattern).value().matches(name);
}

}  // namespace

TEST(base_name_pattern, it_is_found_anywhere_in_a_name_unless_it_is_bound) {
  EXPECT(matches("user", "x-user-id"));
  EXPECT(matches("^x-.*-id$", "x-user-id"));
  EXPECT(!matches("^user", "x-user-id"));
  EXPECT(!matches("^x-user$", "x-user-id"));
}

TEST(base_name_pattern, case_counts_only_where_the_pattern_says_so) {
  EXPECT(matches("PREFIX_.*", "prefix_a"));
  EXPECT(!matches("(?-i)PREFIX_.*", "prefix_a"));
  EXPECT(matches("(?-i)prefix_.*", "prefix_a"));
}

TEST(base_name_pattern, a_copy_matches_the_same) {
  const NamePattern copy = NamePattern::make("^X-A$").value().copy();
  EXPECT(copy.matches("x-a"));
  EXPECT(!copy.matches("x-ab"));
}

TEST(base_name_pattern, what_is_no_expression_is_refused_with_the_reason) {
  for (const std::string_view pattern : {"(", "a{2000}", "(?=a)", "\\1", "[z-a]", "*"}) {
    const auto made = NamePattern::make(pattern);
    REQUIRE(!made.has_value());
    EXPECT_EQ(made.error().code, base::Code::kInvalidArgument);
  }
  EXPECT_EQ(NamePattern::make("x-(").error().why,
            "\"x-(\" is no regular expression as RE2 has them: missing ): x-(");
  EXPECT(!NamePattern::make("((a{100}){100}){100}").has_value());
}

// An engine that backtracks would take 2^64 steps.
TEST(base_name_pattern, a_match_takes_time_linear_in_the_name) {
  const std::string name(64, 'a');
  EXPECT(!matches("^(a+)+$", name + "b"));
  EXPECT(!matches("^(a|aa)+$", name + "b"));
}

}  // namespace penstock::testing
