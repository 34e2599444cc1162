// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace penstock::http1 {

// The text of a Date field, RFC 9110 section 5.6.7: made once for each second that is set, for
// whoever has a clock. A value.
class Date {
 public:
  // Seconds since 1970 began, in UTC: from 0 to the end of the year 9999.
  void set(std::int64_t unix_seconds);
  // "Sun, 06 Nov 1994 08:49:37 GMT"; empty: never set.
  std::string_view text() const { return {text_.data(), seconds_ < 0 ? 0 : text_.size()}; }

 private:
  std::int64_t seconds_ = -1;
  std::array<char, 29> text_{};
};

}  // namespace penstock::http1
