// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>

#include "h2_pair.h"
#include "harness.h"
#include "net/opening.h"

namespace penstock::testing {
namespace {

using net::Opening;

Opening opening_of(std::string_view text) { return net::opening_of(bytes_of_text(text)); }

}  // namespace

TEST(net_opening, the_first_line_tells_and_nothing_less) {
  for (const auto& [text, what] : {std::pair{std::string(kPreface), Opening::kHttp2},
                                   {"GET / HTTP/1.1\r\n", Opening::kAbout},
                                   {"GET / HTTP/1.0\n", Opening::kAbout},
                                   {"HEAD / HTTP/1.1\r\n", Opening::kAboutHead},
                                   {"POST / HTTP/1.1\r\n", Opening::kOtherHttp1},
                                   {"GET /v2 HTTP/1.1\r\n", Opening::kOtherHttp1},
                                   {"GET /a b HTTP/1.1\r\n", Opening::kOtherHttp1},
                                   {"PRI / HTTP/1.1\r\n", Opening::kOtherHttp1},
                                   {"P / HTTP/1.1\r\n", Opening::kOtherHttp1}}) {
    EXPECT(opening_of(text) == what);
    EXPECT(opening_of(text + "more\r\n\r\nwhatever") == what);
    for (std::size_t size = 0; size < text.size(); ++size) {
      EXPECT(opening_of(text.substr(0, size)) == Opening::kMore);
    }
  }
}

TEST(net_opening, what_is_no_http1_is_for_the_session_to_refuse) {
  for (const std::string_view text :
       {"\x16\x03\x01", "get / HTTP/1.1\r\n", "GET /\r\n", "GET\t/ HTTP/1.1\r\n", " GET",
        "GET / HTTP/2.0\r\n", "GET / HTTP/1.2\r\n", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "\r\nGET / HTTP/1.1\r\n"}) {
    EXPECT(opening_of(text) == Opening::kHttp2);
  }
}

TEST(net_opening, a_request_line_is_bounded) {
  const std::string line = "GET /" + std::string(net::kRequestLineBytesMax, 'x');
  EXPECT(opening_of(line.substr(0, net::kRequestLineBytesMax - 1)) == Opening::kMore);
  EXPECT(opening_of(line) == Opening::kOtherHttp1);
}

TEST(net_opening, answers_are_whole) {
  const std::string about = net::plain_answer(Opening::kAbout, "what this is");
  EXPECT_EQ(about,
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 13\r\n"
            "connection: close\r\n\r\nwhat this is\n");
  const std::string head = net::plain_answer(Opening::kAboutHead, "what this is");
  EXPECT_EQ(head, about.substr(0, about.size() - 13));
  EXPECT_CONTAINS(net::plain_answer(Opening::kOtherHttp1, "x"), "HTTP/1.1 505 ");
}

}  // namespace penstock::testing
