// SPDX-License-Identifier: Apache-2.0
// JSON's numbers against what the C library makes of the same text.
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "harness.h"
#include "json_requests.h"

namespace penstock {
namespace {

// Texts of numbers of every kind, each of which JSON allows.
std::vector<std::string> number_texts() {
  std::vector<std::string> texts = {
      // Around where binary64 no longer holds every whole number, and where binary32 does not.
      "9007199254740991", "9007199254740992", "9007199254740993", "9007199254740994",
      "9007199254740992.999999999999999999999999", "16777215", "16777216", "16777217", "16777219",
      // Ties that only digits far behind decide.
      "1.00000005960464477539062500000000000000000000000000001", "1.000000059604644775390625",
      "1.00000017881393432617187499999999999999999999999999",
      // The ends of normal and subnormal numbers.
      "1.7976931348623157e308", "2.2250738585072014e-308", "2.2250738585072011e-308", "5e-324",
      "4.9406564584124654e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "1e-400",
      "3.4028234663852886e38", "3.4028235677973366e38", "3.4028235677973367e38",
      "1.1754943508222875e-38", "1.401298464324817e-45", "7.006492321624085e-46",
      "7.006492321624086e-46",
      // Many digits, and exponents that they cancel.
      "123456789012345678901234567890", "0.000000000000000000000000000000000000000000123456789",
      "1" + std::string(300, '0'), "0." + std::string(400, '0') + "1e400",
      "1" + std::string(400, '0') + "e-400", "0e999999", "-0", "-0.0", "0.0e-5", "1E+2", "1e-2"};
  std::mt19937_64 random(7);
  const auto digits = [&](std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += static_cast<char>('0' + random() % 10);
    return text;
  };
  for (int i = 0; i < 20000; ++i) {
    std::string text = random() % 2 == 0 ? "" : "-";
    const std::size_t whole = random() % 22;
    text += whole == 0 ? "0" : std::to_string(1 + random() % 9) + digits(whole - 1);
    if (random() % 3 != 0) text += "." + digits(1 + random() % 25);
    // Past 290 it could be more than binary64 holds, which is refused.
    if (random() % 2 == 0) text += "e" + std::to_string(static_cast<int>(random() % 600) - 310);
    if (std::isinf(std::strtod(text.c_str(), nullptr))) continue;
    texts.push_back(text);
  }
  return texts;
}

std::string decoded(std::string_view datatype, const std::vector<std::string>& texts) {
  std::string data = "[";
  for (const std::string& text : texts) data += (data.size() > 1 ? "," : "") + text;
  const testing::JsonDecoded request(
      testing::json_input(datatype, "[" + std::to_string(texts.size()) + "]", data + "]"));
  EXPECT_EQ(request.why(), "");
  return request.bytes();
}

template <class T>
std::vector<T> values_of(std::string_view datatype, const std::vector<std::string>& texts) {
  const std::string bytes = decoded(datatype, texts);
  std::vector<T> values(texts.size());
  if (bytes.size() == values.size() * sizeof(T)) {
    std::memcpy(values.data(), bytes.data(), bytes.size());
  }
  return values;
}

TEST(wire_json_numbers, floats_are_what_the_c_library_reads) {
  const std::vector<std::string> texts = number_texts();
  const std::vector<double> wide = values_of<double>("FP64", texts);
  const std::vector<float> narrow = values_of<float>("FP32", texts);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const double wanted = std::strtod(texts[i].c_str(), nullptr);
    const auto wanted_narrow = static_cast<float>(wanted);
    const bool is_right =
        std::bit_cast<std::uint64_t>(wide[i]) == std::bit_cast<std::uint64_t>(wanted) &&
        std::bit_cast<std::uint32_t>(narrow[i]) == std::bit_cast<std::uint32_t>(wanted_narrow);
    if (!is_right && wrong++ < 5) EXPECT_EQ(texts[i], "as strtod reads it");
  }
  EXPECT_EQ(wrong, 0);
}

TEST(wire_json_numbers, what_binary64_cannot_hold_is_refused_however_it_is_written) {
  const auto why = [](const std::string& text) {
    return testing::JsonDecoded(testing::json_input("FP64", "[1]", "[" + text + "]")).why();
  };
  for (const std::string& text :
       {std::string("1e309"), std::string("-1e999999999999999999999"), std::string("1.8e308"),
        "1" + std::string(700, '0') + "e-1", "0." + std::string(100, '0') + "1e500",
        std::string("0.10000000000000000000000e400")}) {
    EXPECT_CONTAINS(why(text), "FP64 cannot hold");
  }
  for (const std::string& text :
       {std::string("1e-99999999999999999999999"), "0." + std::string(500, '0') + "1",
        "0." + std::string(500, '0') + "1e+100"}) {
    EXPECT_EQ(why(text), "");
  }
}

TEST(wire_json_numbers, whole_numbers_are_exact_up_to_their_ends) {
  std::vector<std::string> signed_texts;
  std::vector<std::string> unsigned_texts;
  std::mt19937_64 random(8);
  for (int shift = 0; shift < 64; ++shift) {
    for (int i = 0; i < 20; ++i) {
      const std::uint64_t bits = random() >> shift;
      unsigned_texts.push_back(std::to_string(bits));
      signed_texts.push_back(std::to_string(static_cast<std::int64_t>(bits)));
    }
    const std::uint64_t border = std::uint64_t{1} << shift;
    for (const std::uint64_t bits : {border - 1, border, border + 1, ~border}) {
      unsigned_texts.push_back(std::to_string(bits));
      signed_texts.push_back(std::to_string(static_cast<std::int64_t>(bits)));
    }
  }
  const auto unsigned_values = values_of<std::uint64_t>("UINT64", unsigned_texts);
  const auto signed_values = values_of<std::int64_t>("INT64", signed_texts);
  for (std::size_t i = 0; i < unsigned_texts.size(); ++i) {
    EXPECT_EQ(unsigned_values[i], std::strtoull(unsigned_texts[i].c_str(), nullptr, 10));
  }
  for (std::size_t i = 0; i < signed_texts.size(); ++i) {
    EXPECT_EQ(signed_values[i], std::strtoll(signed_texts[i].c_str(), nullptr, 10));
  }
}

TEST(wire_json_numbers, every_datatype_ends_where_it_ends) {
  struct End {
    const char* datatype;
    const char* lowest;
    const char* below;
    const char* highest;
    const char* above;
  };
  for (const End& end : {
           End{"INT8", "-128", "-129", "127", "128"},
           End{"INT16", "-32768", "-32769", "32767", "32768"},
           End{"INT32", "-2147483648", "-2147483649", "2147483647", "2147483648"},
           End{"INT64", "-9223372036854775808", "-9223372036854775809", "9223372036854775807",
               "9223372036854775808"},
           End{"UINT8", "0", "-1", "255", "256"},
           End{"UINT16", "0", "-1", "65535", "65536"},
           End{"UINT32", "0", "-1", "4294967295", "4294967296"},
           End{"UINT64", "0", "-1", "18446744073709551615", "18446744073709551616"},
       }) {
    const auto why = [&](const char* text) {
      return testing::JsonDecoded(
                 testing::json_input(end.datatype, "[1]", "[" + std::string(text) + "]"))
          .why();
    };
    EXPECT_EQ(why(end.lowest), "");
    EXPECT_EQ(why(end.highest), "");
    EXPECT_CONTAINS(why(end.below), "cannot hold");
    EXPECT_CONTAINS(why(end.above), "cannot hold");
    for (const char* no_whole : {"1.0", "1e2", "00", "0x1", "1_0", "true", "\"1\"", "1 1"}) {
      EXPECT_NE(why(no_whole), "");
    }
  }
}

}  // namespace
}  // namespace penstock
