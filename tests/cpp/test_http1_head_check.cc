// SPDX-License-Identifier: Apache-2.0
// Each danger of a head, by its name.
#include <string>

#include "harness.h"
#include "http1/head_check.h"

namespace penstock::testing {
namespace {

std::string head_of(std::string_view request_line, std::string_view fields = "Host: h\r\n") {
  return std::string(request_line) + "\r\n" + std::string(fields) + "\r\n";
}
std::string with(std::string_view field) {
  return head_of("POST /p HTTP/1.1", "Host: h\r\n" + std::string(field) + "\r\n");
}

// The status it is refused with; 0: it is not.
int status_of(const std::string& head, const http1::Limits& limits = {}) {
  const auto facts = http1::check_head(head, limits);
  return facts ? 0 : facts.error().status;
}
std::string why(const std::string& head) {
  const auto facts = http1::check_head(head, {});
  return facts ? "" : std::string(facts.error().why);
}

}  // namespace

TEST(http1_head_check, a_sound_head_is_read) {
  const std::string head =
      head_of("POST /a?b HTTP/1.1", "Host: h:1\r\nContent-Length: 12\r\nX:\r\nY: \xff\r\n");
  const auto facts = http1::check_head(head, {});
  REQUIRE(facts.has_value());
  EXPECT_EQ(facts->method, "POST");
  EXPECT_EQ(facts->target, "/a?b");
  EXPECT_EQ(facts->path, "/a?b");
  EXPECT_EQ(facts->authority, "h:1");
  EXPECT_EQ(facts->content_length.value_or(0), 12);
  EXPECT(!facts->is_chunked && !facts->is_http10 && !facts->wants_close);
}

TEST(http1_head_check, two_lengths_are_refused_even_when_equal) {
  EXPECT_EQ(status_of(with("Content-Length: 5\r\nContent-Length: 6")), 400);
  EXPECT_EQ(status_of(with("Content-Length: 5\r\ncontent-length: 5")), 400);
  EXPECT_EQ(status_of(with("Content-Length: 5, 5")), 400);
  EXPECT_CONTAINS(why(with("Content-Length: 5\r\nContent-Length: 5")), "two Content-Length");
}

TEST(http1_head_check, a_length_beside_a_transfer_coding_is_refused_in_either_order) {
  EXPECT_EQ(status_of(with("Content-Length: 5\r\nTransfer-Encoding: chunked")), 400);
  EXPECT_EQ(status_of(with("Transfer-Encoding: chunked\r\nContent-Length: 5")), 400);
  EXPECT_EQ(status_of(with("Transfer-Encoding: chunked\r\nContent-Length: 0")), 400);
}

TEST(http1_head_check, a_length_is_digits_and_fits) {
  for (const char* const value :
       {"", "+5", "-5", " ", "0x5", "5 5", "5a", "5.0", "\"5\"", "99999999999999999999",
        "9223372036854775808", "18446744073709551616", "1e3", "5;", "\xd9\xa5"}) {
    EXPECT_EQ(status_of(with("Content-Length: " + std::string(value))), 400);
  }
  EXPECT_EQ(status_of(with("Content-Length: 0")), 0);
  EXPECT_EQ(status_of(with("Content-Length:\t7 ")), 0);
  EXPECT_EQ(status_of(with("Content-Length: 9223372036854775799")), 0);
}

TEST(http1_head_check, only_chunked_and_once_is_a_transfer_coding) {
  for (const char* const known : {"chunked", "CHUNKED", " chunked\t"}) {
    EXPECT_EQ(status_of(with("Transfer-Encoding:" + std::string(known))), 0);
  }
  for (const char* const unknown :
       {"gzip", "identity", "xchunked", "chunkedx", "gzip, chunked", "chunked, gzip"}) {
    EXPECT_EQ(status_of(with("Transfer-Encoding: " + std::string(unknown))), 501);
  }
  for (const char* const malformed :
       {"", ",", "chunked,", ",chunked", "chunked, chunked", "\"chunked\"", "chunked;q=1",
        "chun ked", "chunked\xa0", "gzip;", "chunked, (chunked)"}) {
    EXPECT_EQ(status_of(with("Transfer-Encoding: " + std::string(malformed))), 400);
  }
  EXPECT_EQ(status_of(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")), 400);
  EXPECT_EQ(status_of(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip")), 400);
}

TEST(http1_head_check, http_1_0_has_no_transfer_codings) {
  EXPECT_EQ(status_of(head_of("POST / HTTP/1.0", "Transfer-Encoding: chunked\r\n")), 400);
}

TEST(http1_head_check, a_folded_field_is_refused) {
  EXPECT_EQ(status_of(with("X: 1\r\n continued")), 400);
  EXPECT_EQ(status_of(with("X: 1\r\n\tcontinued")), 400);
  EXPECT_EQ(status_of(head_of("GET / HTTP/1.1", " Host: h\r\n")), 400);
  EXPECT_CONTAINS(why(with("X: 1\r\n continued")), "folded");
}

TEST(http1_head_check, a_request_has_one_host) {
  EXPECT_EQ(status_of(with("Host: h")), 400);
  EXPECT_EQ(status_of(head_of("GET / HTTP/1.1", "")), 400);
  EXPECT_EQ(status_of(head_of("GET / HTTP/1.0", "")), 0);
  EXPECT_EQ(status_of(head_of("GET / HTTP/1.0", "Host: a\r\nHost: a\r\n")), 400);
}

TEST(http1_head_check, a_host_names_a_host_and_a_port) {
  for (const char* const sound :
       {"", "h", "a.b-c_d", "127.0.0.1", "h:80", "h:", "[::1]", "[::1]:8000", "%41"}) {
    EXPECT_EQ(status_of(head_of("GET / HTTP/1.1", "Host: " + std::string(sound) + "\r\n")), 0);
  }
  for (const char* const malformed :
       {"a b", "a/b", "user@h", "h:80:80", "h:x", "h:123456", "[::1", "[]", "[::1]x", "a\\b", ":80",
        "a?b", "a#b", "h\xc3\xa4", "<h>", "[g%]"}) {
    EXPECT_EQ(status_of(head_of("GET / HTTP/1.1", "Host: " + std::string(malformed) + "\r\n")),
              400);
  }
}

TEST(http1_head_check, a_name_touches_its_colon) {
  EXPECT_EQ(status_of(with("Content-Length : 5")), 400);
  EXPECT_EQ(status_of(with("Content-Length\t: 5")), 400);
  EXPECT_CONTAINS(why(with("X : 5")), "white space");
  EXPECT_EQ(status_of(with(": 5")), 400);
  EXPECT_EQ(status_of(with("no colon")), 400);
  EXPECT_EQ(status_of(with("nocolon")), 400);
  for (const char* const name : {"a(b", "a,b", "\"a\"", "a/b", "a[", "a\xff", "a\x01", "a{b}"}) {
    EXPECT_EQ(status_of(with(std::string(name) + ": 5")), 400);
  }
}

TEST(http1_head_check, control_characters_in_values_are_refused_wherever_they_stand) {
  for (int c = 0; c < 256; ++c) {
    for (std::size_t at = 0; at < 20; ++at) {
      std::string value(20, 'v');
      value[at] = static_cast<char>(c);
      const bool is_control = (c < 0x20 && c != '\t') || c == 0x7f;
      if (c == '\n') continue;  // that would be two lines
      EXPECT_EQ(status_of(with("X: " + value)), is_control ? 400 : 0);
    }
  }
}

TEST(http1_head_check, a_request_line_has_three_words_and_single_spaces) {
  for (const char* const line : {"GET",
                                 "GET ",
                                 "GET /",
                                 "GET / ",
                                 "GET  / HTTP/1.1",
                                 "GET /  HTTP/1.1",
                                 "GET / HTTP/1.1 ",
                                 " GET / HTTP/1.1",
                                 "GET\t/ HTTP/1.1",
                                 "GET /\tHTTP/1.1",
                                 "GET / http/1.1",
                                 "GET / HTTP/11",
                                 "GET / HTTP/1.1x",
                                 "GET / HTTP/1.",
                                 "GET / HTP/1.1",
                                 "G@T / HTTP/1.1",
                                 "",
                                 "GET / /b HTTP/1.1",
                                 "GET / HTTP/1,1",
                                 "GET / HTTP/a.1"}) {
    EXPECT_EQ(status_of(head_of(line)), 400);
  }
}

TEST(http1_head_check, other_versions_are_not_served) {
  for (const char* const version : {"HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/3.0", "HTTP/9.9"}) {
    EXPECT_EQ(status_of(head_of("GET / " + std::string(version))), 505);
  }
}

TEST(http1_head_check, a_target_is_a_path_or_a_uri_or_the_asterisk_of_options) {
  EXPECT_EQ(status_of(head_of("OPTIONS * HTTP/1.1")), 0);
  EXPECT_EQ(status_of(head_of("GET http://h:1/p HTTP/1.1")), 0);
  EXPECT_EQ(status_of(head_of("GET HTTPS://h HTTP/1.1")), 0);
  EXPECT_EQ(status_of(head_of("GET /v2/models/a{b}|\"c\" HTTP/1.1")), 0);
  for (const char* const target :
       {"*", "p", "h:443", "http:/h", "http://", "http:///p", "http://u@h/", "http://h:x/",
        "ftp://h/", "/a#b", "/\xc3\xa4", "/\x01", "/\x7f", "?a"}) {
    EXPECT_EQ(status_of(head_of("GET " + std::string(target) + " HTTP/1.1")), 400);
  }
  EXPECT_EQ(status_of(head_of("CONNECT h:443 HTTP/1.1")), 400);
}

TEST(http1_head_check, a_method_is_no_longer_than_methods_are) {
  EXPECT_EQ(status_of(head_of(std::string(32, 'M') + " / HTTP/1.1")), 0);
  EXPECT_EQ(status_of(head_of(std::string(33, 'M') + " / HTTP/1.1")), 501);
}

TEST(http1_head_check, the_target_is_bounded) {
  const http1::Limits limits = {.target_bytes_max = 10};
  EXPECT_EQ(status_of(head_of("GET /123456789 HTTP/1.1"), limits), 0);
  EXPECT_EQ(status_of(head_of("GET /1234567890 HTTP/1.1"), limits), 414);
}

TEST(http1_head_check, the_number_of_fields_is_bounded) {
  const http1::Limits limits = {.fields_max = 3};
  EXPECT_EQ(status_of(with("A: 1\r\nB: 2"), limits), 0);
  EXPECT_EQ(status_of(with("A: 1\r\nB: 2\r\nC: 3"), limits), 431);
}

TEST(http1_head_check, the_connection_stays_as_the_version_and_the_peer_have_it) {
  struct Case {
    const char* version;
    const char* connection;
    bool wants_close;
  };
  for (const Case& one :
       {Case{"1.1", "x", false}, Case{"1.1", "close", true}, Case{"1.1", "Keep-Alive", false},
        Case{"1.1", "a, CLOSE ,b", true}, Case{"1.0", "x", true}, Case{"1.0", "keep-alive", false},
        Case{"1.0", "keep-alive, close", true}, Case{"1.1", "closed", false}}) {
    const std::string head =
        head_of("GET / HTTP/" + std::string(one.version),
                "Host: h\r\nConnection: " + std::string(one.connection) + "\r\n");
    const auto facts = http1::check_head(head, {});
    REQUIRE(facts.has_value());
    EXPECT_EQ(facts->wants_close, one.wants_close);
  }
}

TEST(http1_head_check, only_100_continue_can_be_expected) {
  const std::string head = with("Expect: 100-Continue\r\nContent-Length: 5");
  const auto facts = http1::check_head(head, {});
  REQUIRE(facts.has_value());
  EXPECT(facts->expects_continue);
  EXPECT_EQ(status_of(with("Expect: 200-ok")), 417);
  EXPECT_EQ(status_of(with("Expect: 100-continue, x")), 417);
  // Who has no body, or speaks HTTP/1.0, does not wait.
  EXPECT(!http1::check_head(with("Expect: 100-continue"), {})->expects_continue);
}

TEST(http1_head_check, trailers_are_fields_that_may_come_late) {
  EXPECT(!http1::check_trailers("\r\n", {}));
  EXPECT(!http1::check_trailers("X-Sum: 1\r\n\r\n", {}));
  for (const char* const line :
       {"Content-Length: 5", "transfer-encoding: chunked", "Host: h", "Authorization: x", "TE: x",
        "X : 1", " X: 1", "X", "X: \x01", "Connection: close", "Trailer: x", "Content-Type: x"}) {
    EXPECT(http1::check_trailers(std::string(line) + "\r\n\r\n", {}).has_value());
  }
  const http1::Limits limits = {.trailers_max = 1};
  EXPECT(!http1::check_trailers("A: 1\r\n\r\n", limits));
  EXPECT_EQ(http1::check_trailers("A: 1\r\nB: 1\r\n\r\n", limits)->status, 431);
}

}  // namespace penstock::testing
