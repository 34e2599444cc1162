// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>

#include "h2_pair.h"
#include "harness.h"
#include "http2/flood_guard.h"

namespace penstock::testing {
namespace {

using base::kMillisecond;
using base::kNever;
using base::kSecond;
using base::Nanos;
using http2::FloodGuard;
using http2::Limits;
using http2::TokenBucket;
using http2::Violation;

constexpr std::string_view kFour("\0\0\0\1", 4);

// A guard that has seen a hello.
class Guarded {
 public:
  explicit Guarded(const Limits& given = {}) : limits(given), guard(limits) {
    PENSTOCK_CHECK(!look(std::string(kPreface) + frame(4, 0, 0, "")));
  }
  std::optional<Violation> look(std::string_view bytes) {
    return guard.look(bytes_of_text(bytes), now);
  }
  // How often `bytes` may come at once, `limit` being enough.
  int times(std::string_view bytes, int limit) {
    for (int i = 0; i < limit; ++i) {
      if (look(bytes)) return i;
    }
    return limit;
  }

  const Limits limits;
  FloodGuard guard;
  Nanos now = 1000 * kSecond;
};

std::string request(std::uint32_t stream) { return frame(1, 5, stream, "head"); }

}  // namespace

TEST(http2_token_bucket, tokens_come_back_with_time_and_are_never_more_than_the_burst) {
  TokenBucket bucket({.burst = 10, .per_second = 4});
  Nanos now = 5 * kSecond;
  bucket.refill(now);
  bucket.spend(10);
  EXPECT(!bucket.is_overdrawn());
  bucket.spend(1);
  EXPECT(bucket.is_overdrawn());
  // A quarter of a second for a token, in however many looks.
  for (int i = 0; i < 249; ++i) bucket.refill(now += kMillisecond);
  EXPECT(bucket.is_overdrawn());
  bucket.refill(now += kMillisecond);
  EXPECT(!bucket.is_overdrawn());
  bucket.refill(now += 100'000'000 * kSecond);
  bucket.spend(10);
  EXPECT(!bucket.is_overdrawn());
  bucket.earn(1000);
  bucket.spend(11);
  EXPECT(bucket.is_overdrawn());
}

TEST(http2_flood_guard, frames_that_carry_no_request_are_bounded) {
  const Limits limits = {.idle_frames = {.burst = 100, .per_second = 10}};
  for (const std::string& idle :
       {frame(6, 0, 0, "12345678"), frame(2, 0, 1, "12345"), frame(8, 0, 0, kFour),
        frame(0xFA, 0, 0, ""), frame(9, 4, 1, ""), frame(0, 0, 1, ""), frame(0, 0, 1, "four"),
        frame(0, 8, 1, std::string(100, '\x63')), frame(3, 0, 1, kFour), frame(4, 1, 0, "")}) {
    Guarded peer(limits);
    peer.look(request(1));
    for (int i = 0; i < 3; ++i) {
      peer.now += 100 * kSecond;  // time makes good
      EXPECT_EQ(peer.times(idle, 100), 100);
    }
    const auto wrong = peer.look(idle);
    REQUIRE(wrong.has_value());
    EXPECT_EQ(wrong->error_code, http2::kEnhanceYourCalm);
  }
}

TEST(http2_flood_guard, settings_cost_more) {
  Guarded peer({.idle_frames = {.burst = 100, .per_second = 10}});
  peer.now += kSecond * 1000;
  EXPECT_EQ(peer.times(frame(4, 0, 0, ""), 1000), 5);
}

TEST(http2_flood_guard, data_and_requests_are_free_and_pay_for_what_they_take) {
  Guarded peer({.idle_frames = {.burst = 100, .per_second = 0}});
  std::uint32_t stream = 1;
  for (int i = 0; i < 5000; ++i, stream += 2) {
    // A request, its body in two pieces, two windows and a ping.
    REQUIRE(!peer.look(request(stream) + frame(0, 0, stream, std::string(16, 'x')) +
                       frame(0, 1, stream, "") + frame(8, 0, 0, kFour) +
                       frame(8, 0, stream, kFour) + frame(6, 0, 0, "12345678")));
  }
}

TEST(http2_flood_guard, what_is_sent_pays_for_the_windows_it_needs) {
  Guarded peer({.idle_frames = {.burst = 100, .per_second = 0}});
  for (int i = 0; i < 5000; ++i) {
    peer.guard.note_sent_data(1);
    REQUIRE(!peer.look(frame(8, 0, 0, kFour) + frame(8, 0, 1, kFour)));
  }
  peer.guard.note_sent_data(std::size_t{1} << 20);
  EXPECT_EQ(peer.times(frame(8, 0, 0, kFour), 1000), 100);
}

TEST(http2_flood_guard,
     five_thousand_streams_cut_in_a_second_are_let_be_and_a_hundred_thousand_not) {
  for (const auto& [per_second, is_flood] : {std::pair{5'000, false}, {100'000, true}}) {
    Guarded peer;
    bool was_ended = false;
    for (int tick = 0; tick < 10'000 && !was_ended; ++tick) {  // ten seconds
      for (int i = 0; i < per_second / 1000; ++i) peer.guard.note_cut_stream();
      was_ended = peer.look(frame(0, 1, 1, "")).has_value();
      peer.now += kMillisecond;
    }
    EXPECT_EQ(was_ended, is_flood);
  }
}

TEST(http2_flood_guard, a_header_block_is_bounded_over_all_its_frames) {
  Guarded peer({.header_block_bytes_max = 1000});
  EXPECT(!peer.look(frame(1, 0, 1, std::string(500, 'x'))));
  EXPECT(!peer.look(frame(9, 0, 1, std::string(500, 'x'))));
  EXPECT(peer.look(frame(9, 0, 1, "x")).has_value());
  Guarded other({.header_block_bytes_max = 1000});
  for (std::uint32_t stream = 1; stream < 100; stream += 2) {
    EXPECT(!other.look(frame(1, 4, stream, std::string(1000, 'x'))));
  }
}

TEST(http2_flood_guard, a_continuation_is_as_short_as_any_frame) {
  Guarded peer({.frame_bytes_max = 100});
  EXPECT(!peer.look(frame(1, 0, 1, "x") + frame(9, 0, 1, std::string(100, 'x'))));
  const auto wrong = peer.look(frame(9, 0, 1, std::string(101, 'x')));
  REQUIRE(wrong.has_value());
  EXPECT_EQ(wrong->error_code, http2::kFrameSizeError);
}

TEST(http2_flood_guard, a_priority_is_of_a_stream) {
  Guarded peer;
  EXPECT(!peer.look(frame(2, 0, 7, "12345")));
  const auto wrong = peer.look(frame(2, 0, 0, "12345"));
  REQUIRE(wrong.has_value());
  EXPECT_EQ(wrong->error_code, http2::kProtocolError);
}

TEST(http2_flood_guard, a_stream_that_was_passed_over_cannot_be_opened) {
  for (const std::uint32_t late : {1U, 3U, 7U, 13U}) {
    Guarded peer;
    EXPECT(!peer.look(request(5) + request(9) + request(15) + request(17) + request(5)));
    const auto wrong = peer.look(request(late));
    REQUIRE(wrong.has_value());
    EXPECT_EQ(wrong->error_code, http2::kProtocolError);
  }
  Guarded peer;
  EXPECT(!peer.look(request(0x7FFFFFFF)));
  EXPECT(peer.look(request(0x7FFFFFFD)).has_value());
}

TEST(http2_flood_guard, it_knows_since_when_a_header_block_is_incomplete) {
  Guarded peer;
  EXPECT_EQ(peer.guard.header_block_since_ns(), kNever);
  const Nanos begin = peer.now;
  const std::string head = frame(1, 0, 1, "part");
  peer.look(head.substr(0, 11));
  EXPECT_EQ(peer.guard.header_block_since_ns(), begin);
  peer.now += kSecond;
  peer.look(head.substr(11));
  EXPECT_EQ(peer.guard.header_block_since_ns(), begin);
  peer.now += kSecond;
  peer.look(frame(9, 4, 1, "end").substr(0, 11));
  EXPECT_EQ(peer.guard.header_block_since_ns(), begin);
  peer.look("d");
  EXPECT_EQ(peer.guard.header_block_since_ns(), kNever);
  // One that ends and one that begins in the same bytes.
  peer.look(request(3).substr(0, 10));
  peer.now += kSecond;
  peer.look(request(3).substr(10) + request(5).substr(0, 10));
  EXPECT_EQ(peer.guard.header_block_since_ns(), peer.now);
  // Neither other frames nor half a head count.
  peer.look(request(5).substr(10) + frame(0, 0, 5, "data").substr(0, 10));
  EXPECT_EQ(peer.guard.header_block_since_ns(), kNever);
}

TEST(http2_flood_guard, a_hello_is_complete_with_its_settings) {
  const Limits limits;
  FloodGuard guard(limits);
  const std::string hello = std::string(kPreface) + frame(4, 0, 0, "123456");
  for (const char c : hello.substr(0, hello.size() - 1)) {
    guard.look(bytes_of_text(std::string_view(&c, 1)), 1);
    EXPECT(!guard.is_greeted());
  }
  guard.look(bytes_of_text("6"), 1);
  EXPECT(guard.is_greeted());
}

TEST(http2_flood_guard, a_million_messages_of_next_to_nothing_may_come_at_once) {
  Guarded peer;
  REQUIRE(!peer.look(request(1)));
  EXPECT_EQ(peer.times(frame(0, 0, 1, std::string(5, '\0')), 1'000'000), 1'000'000);
}

TEST(http2_flood_guard, large_frames_pay_for_as_many_windows_as_small_ones) {
  for (const std::size_t bytes : {std::size_t{16} << 10, std::size_t{1} << 20}) {
    Guarded peer({.idle_frames = {.burst = 1000, .per_second = 0}});
    for (int i = 0; i < 1000; ++i) {
      peer.guard.note_sent_data(bytes);
      // The stream's and the connection's, for each 4 KiB.
      const int windows = static_cast<int>(2 * bytes / 4096);
      REQUIRE(peer.times(frame(8, 0, 0, kFour), windows) == windows);
    }
  }
}

}  // namespace penstock::testing
