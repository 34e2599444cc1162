// SPDX-License-Identifier: Apache-2.0
#include <poll.h>

#include "base/event_fd.h"
#include "harness.h"

namespace penstock::testing {
namespace {

bool is_readable(const base::EventFd& event) {
  pollfd asked{.fd = event.fd(), .events = POLLIN, .revents = 0};
  return ::poll(&asked, 1, 0) == 1;
}

}  // namespace

TEST(base_event_fd, it_is_readable_from_the_first_notify_to_the_clear) {
  const auto event = base::EventFd::open();
  REQUIRE(event.has_value());
  EXPECT(!is_readable(*event));
  event->notify();
  event->notify();
  EXPECT(is_readable(*event));
  event->clear();
  EXPECT(!is_readable(*event));
  event->clear();  // nothing to clear is no error, and does not wait
  EXPECT(!is_readable(*event));
}

}  // namespace penstock::testing
