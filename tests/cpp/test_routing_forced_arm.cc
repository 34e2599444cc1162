// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "harness.h"
#include "routing/forced_arm.h"

namespace penstock::testing {
namespace {

using routing::kForcedSecondsMax;
using routing::read_forced_arm;

constexpr std::int64_t kNow = 1'800'000'000;
const std::vector<std::string> kKeys = {"the first of two secrets", "the second of two secrets"};

std::string signature(const std::string& key, const std::string& text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const std::byte byte : base::hmac_sha256(key, text)) {
    hex += kDigits[std::to_integer<unsigned>(byte >> 4)];
    hex += kDigits[std::to_integer<unsigned>(byte & std::byte{15})];
  }
  return hex;
}

std::string header(const std::string& arm, std::int64_t expires_s,
                   const std::string& key = kKeys[0], const std::string& route = "m") {
  const std::string expires = std::to_string(expires_s);
  return arm + ";" + expires + ";" + signature(key, route + "\n" + arm + "\n" + expires);
}

// Why a header is refused; empty: it is not.
std::string why_not(std::string_view header, std::int64_t now_s = kNow) {
  const auto arm = read_forced_arm(header, "m", kKeys, now_s);
  if (arm) return "";
  EXPECT_EQ(arm.error().code, base::Code::kPermissionDenied);
  return arm.error().why;
}

}  // namespace

// What another program must reckon, written down: HMAC-SHA256 of "m\ncanary\n1800000060" under
// "the first of two secrets", by Python's hmac.
TEST(routing_forced_arm, the_signature_is_over_route_arm_and_expiry) {
  const std::string text =
      "canary;1800000060;2697113c7941f11fe699a97f57893c5f4792b281486efd002daa112d73e2cf2f";
  const auto arm = read_forced_arm(text, "m", kKeys, kNow);
  REQUIRE(arm.has_value());
  EXPECT_EQ(*arm, "canary");
}

TEST(routing_forced_arm, any_key_of_the_route_may_sign) {
  for (const std::string& key : kKeys) {
    const std::string text = header("canary", kNow + 60, key);
    const auto arm = read_forced_arm(text, "m", kKeys, kNow);
    REQUIRE(arm.has_value());
    EXPECT_EQ(*arm, "canary");
    EXPECT_EQ(arm->data(), text.data());  // a view of the header
  }
}

TEST(routing_forced_arm, another_key_or_another_routes_signature_is_refused) {
  const std::string wanted = "no key of this route has signed this arm and expiry";
  EXPECT_CONTAINS(why_not(header("canary", kNow + 60, "a key of somebody else's")), wanted);
  EXPECT_CONTAINS(why_not(header("canary", kNow + 60, kKeys[0], "another")), wanted);
  EXPECT_CONTAINS(why_not("stable" + header("canary", kNow + 60).substr(6)), wanted);
  const auto none = read_forced_arm(header("canary", kNow + 60), "m", {}, kNow);
  REQUIRE(!none.has_value());
  EXPECT_CONTAINS(none.error().why, wanted);
}

TEST(routing_forced_arm, every_digit_of_the_signature_counts) {
  const std::string right = header("canary", kNow + 60);
  EXPECT_EQ(why_not(right), "");
  for (std::size_t i = right.rfind(';') + 1; i < right.size(); ++i) {
    std::string wrong = right;
    wrong[i] = wrong[i] == '0' ? '1' : '0';
    EXPECT_CONTAINS(why_not(wrong), "no key of this route");
  }
}

TEST(routing_forced_arm, it_is_valid_before_it_expires_and_for_a_week_at_most) {
  EXPECT_EQ(why_not(header("canary", kNow + 1)), "");
  EXPECT_CONTAINS(why_not(header("canary", kNow)), "it has expired; sign another");
  EXPECT_CONTAINS(why_not(header("canary", 0)), "it has expired; sign another");
  EXPECT_EQ(why_not(header("canary", kNow + kForcedSecondsMax)), "");
  EXPECT_CONTAINS(why_not(header("canary", kNow + kForcedSecondsMax + 1)), "more than 7 days");
  EXPECT_CONTAINS(why_not(header("canary", INT64_MAX)), "more than 7 days");
  EXPECT_CONTAINS(why_not(header("canary", INT64_MAX), INT64_MIN), "more than 7 days");
}

TEST(routing_forced_arm, what_is_malformed_is_refused_before_anything_is_reckoned) {
  const std::string right = header("canary", kNow + 60);
  const std::string digits = right.substr(right.rfind(';') + 1);
  std::string upper = right;
  upper.replace(upper.size() - 64, 64, std::string(64, 'A'));
  const std::vector<std::string> all = {
      "",
      ";",
      ";;",
      "canary",
      "canary;1800000060",
      "canary;1800000060;",
      ";1800000060;" + digits,
      "canary;;" + digits,
      "canary;-1800000060;" + digits,
      "canary;+1800000060;" + digits,
      "canary; 1800000060;" + digits,
      "canary;1800000060.5;" + digits,
      "canary;9223372036854775808;" + digits,
      "canary\nstable;1800000060;" + digits,
      right + ";",
      right + " ",
      right.substr(0, right.size() - 1),
      right + "0",
      upper,
  };
  for (const std::string& one : all) {
    EXPECT_CONTAINS(why_not(one), "wanted ARM;EXPIRES;SIGNATURE");
  }
}

TEST(routing_forced_arm, a_refusal_tells_nothing_of_the_secrets) {
  const std::string right = header("canary", kNow + 60);
  const std::string why = why_not(header("canary", kNow + 60, "a key of somebody else's"));
  EXPECT_EQ(why.find(right.substr(right.rfind(';') + 1)), std::string::npos);
  for (const std::string& key : kKeys) EXPECT_EQ(why.find(key), std::string::npos);
}

}  // namespace penstock::testing
