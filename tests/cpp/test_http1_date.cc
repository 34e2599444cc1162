// SPDX-License-Identifier: Apache-2.0
#include <ctime>
#include <string>

#include "harness.h"
#include "http1/date.h"

namespace penstock::testing {

TEST(http1_date, it_is_what_the_c_library_writes) {
  http1::Date date;
  EXPECT_EQ(date.text(), "");
  for (std::int64_t seconds = 0; seconds < 253'402'300'799; seconds += 86'399'999) {
    date.set(seconds);
    const std::time_t moment = seconds;
    std::tm parts{};
    gmtime_r(&moment, &parts);
    char expected[64];
    std::strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    EXPECT_EQ(date.text(), expected);
  }
}

TEST(http1_date, the_example_of_the_rfc) {
  http1::Date date;
  date.set(784'111'777);
  EXPECT_EQ(date.text(), "Sun, 06 Nov 1994 08:49:37 GMT");
}

}  // namespace penstock::testing
