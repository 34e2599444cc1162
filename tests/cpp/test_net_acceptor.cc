// SPDX-License-Identifier: Apache-2.0
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <string>

#include "h2_socket.h"
#include "harness.h"
#include "net/acceptor.h"

namespace penstock::testing {
namespace {

using base::Code;
using net::Acceptor;

}  // namespace

TEST(net_acceptor, port_0_is_one_that_the_system_chooses) {
  const auto one = Acceptor::listen({.address = "127.0.0.1"});
  const auto two = Acceptor::listen({.address = "127.0.0.1"});
  REQUIRE(one.has_value() && two.has_value());
  EXPECT_NE(one->port(), 0);
  EXPECT_NE(one->port(), two->port());
}

TEST(net_acceptor, a_taken_port_is_refused_with_the_mend) {
  const auto first = Acceptor::listen({.address = "127.0.0.1"});
  REQUIRE(first.has_value());
  const auto second = Acceptor::listen({.address = "127.0.0.1", .port = first->port()});
  REQUIRE(!second.has_value());
  EXPECT(second.error().code == Code::kUnavailable);
  EXPECT_EQ(second.error().why,
            "cannot listen on 127.0.0.1:" + std::to_string(first->port()) +
                ": another program has this port; choose another with --grpc-port, or let both "
                "share it with --reuse-grpc-port");
}

TEST(net_acceptor, a_port_is_shared_if_both_say_so) {
  const auto first = Acceptor::listen({.address = "127.0.0.1", .is_port_shared = true});
  REQUIRE(first.has_value());
  EXPECT(Acceptor::listen({.address = "127.0.0.1", .port = first->port(), .is_port_shared = true})
             .has_value());
  EXPECT(!Acceptor::listen({.address = "127.0.0.1", .port = first->port()}).has_value());
}

TEST(net_acceptor, an_address_that_is_none_is_refused_with_the_mend) {
  const auto nowhere = Acceptor::listen({.address = "not.a.host.invalid"});
  REQUIRE(!nowhere.has_value());
  EXPECT(nowhere.error().code == Code::kInvalidArgument);
  EXPECT_CONTAINS(nowhere.error().why, "cannot listen on 'not.a.host.invalid': ");
  EXPECT_CONTAINS(nowhere.error().why, "; give an IP address or a name of this host");
  // TEST-NET-1 (RFC 5737) is nobody's.
  const auto foreign = Acceptor::listen({.address = "192.0.2.1"});
  REQUIRE(!foreign.has_value());
  EXPECT_CONTAINS(foreign.error().why, "cannot listen on 192.0.2.1:0: ");
}

TEST(net_acceptor, a_port_is_free_again_when_its_acceptor_is_gone) {
  std::uint16_t port = 0;
  {
    const auto first = Acceptor::listen({.address = "127.0.0.1"});
    REQUIRE(first.has_value());
    port = first->port();
    EXPECT(connect_to(port));
  }
  EXPECT(Acceptor::listen({.address = "127.0.0.1", .port = port}).has_value());
}

TEST(net_acceptor, a_waiting_connection_is_accepted_without_blocking_and_without_delay) {
  auto acceptor = Acceptor::listen({.address = "127.0.0.1"});
  REQUIRE(acceptor.has_value());
  const auto nobody = acceptor->accept();
  REQUIRE(!nobody.has_value());
  EXPECT(nobody.error().code == Code::kUnavailable);
  const base::UniqueFd client = connect_to(acceptor->port());
  pollfd watched{.fd = acceptor->fd(), .events = POLLIN, .revents = 0};
  REQUIRE(::poll(&watched, 1, 60'000) == 1);
  const auto accepted = acceptor->accept();
  REQUIRE(accepted.has_value());
  EXPECT((fcntl(accepted->get(), F_GETFL) & O_NONBLOCK) != 0);
  int no_delay = 0;
  socklen_t size = sizeof no_delay;
  getsockopt(accepted->get(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &size);
  EXPECT_NE(no_delay, 0);
}

}  // namespace penstock::testing
