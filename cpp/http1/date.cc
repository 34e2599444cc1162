// SPDX-License-Identifier: Apache-2.0
#include "http1/date.h"

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace penstock::http1 {
namespace {

constexpr std::int64_t kLastSecond = 253'402'300'799;  // of the year 9999
constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";

}  // namespace

void Date::set(std::int64_t unix_seconds) {
  unix_seconds = std::clamp(unix_seconds, std::int64_t{0}, kLastSecond);
  if (unix_seconds == seconds_) return;
  seconds_ = unix_seconds;
  const std::chrono::sys_seconds moment{std::chrono::seconds(unix_seconds)};
  const auto midnight = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day date(midnight);
  const std::chrono::hh_mm_ss clock(moment - midnight);
  char* to = text_.data();
  const auto word = [&](std::string_view text) { to = std::copy(text.begin(), text.end(), to); };
  const auto two = [&](long number) {
    *to++ = static_cast<char>('0' + number / 10);
    *to++ = static_cast<char>('0' + number % 10);
  };
  word(kDays.substr(3 * std::chrono::weekday(midnight).c_encoding(), 3));
  word(", ");
  two(static_cast<unsigned>(date.day()));
  word(" ");
  word(kMonths.substr(3 * (std::size_t{static_cast<unsigned>(date.month())} - 1), 3));
  word(" ");
  const int year = static_cast<int>(date.year());
  two(year / 100);
  two(year % 100);
  word(" ");
  two(clock.hours().count());
  word(":");
  two(clock.minutes().count());
  word(":");
  two(clock.seconds().count());
  word(" GMT");
}

}  // namespace penstock::http1
