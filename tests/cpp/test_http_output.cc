// SPDX-License-Identifier: Apache-2.0
#include <sys/uio.h>

#include <array>
#include <random>
#include <string>
#include <vector>

#include "h2_pair.h"
#include "harness.h"
#include "http/output.h"

namespace penstock::testing {
namespace {

using http::Output;

std::string gathered(const Output& output, std::size_t pieces_max) {
  std::vector<iovec> pieces(pieces_max);
  const std::size_t count = output.gather(pieces);
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  }
  return text;
}

// Random appends and writes, held against a string.
void compare_with_a_string(unsigned seed) {
  std::minstd_rand random(seed);
  const auto below = [&](std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(0, most)(random);
  };
  Output output;
  std::string wanted;
  for (int step = 0; step < 300; ++step) {
    const std::string text = patterned(below(step % 7 == 0 ? 70'000 : 300), below(1000) & 0xff);
    switch (below(3)) {
      case 0: {
        output.append(bytes_of_text(text));
        wanted += text;
        break;
      }
      case 1: {
        output.append(slice_of(text));
        wanted += text;
        break;
      }
      case 2: {
        const std::size_t some = below(wanted.size());
        output.advance(some);
        wanted.erase(0, some);
        break;
      }
      default: output.advance(wanted.size()); wanted.clear();
    }
    REQUIRE(output.size() == wanted.size());
    REQUIRE(output.is_empty() == wanted.empty());
    const std::string front = gathered(output, 1 + below(8));
    REQUIRE(wanted.starts_with(front));
    REQUIRE(front.empty() == wanted.empty());
    REQUIRE(gathered(output, 4096) == wanted);
  }
}

}  // namespace

TEST(http_output, what_is_written_is_what_was_appended_in_all_splits) {
  for (unsigned seed = 1; seed <= 30; ++seed) compare_with_a_string(seed);
}

TEST(http_output, nothing_is_empty) {
  Output output;
  output.append(std::span<const std::byte>());
  output.append(base::Slice());
  EXPECT(output.is_empty());
  EXPECT_EQ(gathered(output, 4), "");
  output.advance(0);
  EXPECT(output.is_empty());
}

TEST(http_output, small_appends_share_one_piece) {
  Output output;
  for (int i = 0; i < 100; ++i) output.append(bytes_of_text("abc"));
  std::array<iovec, 4> pieces;
  EXPECT_EQ(output.gather(pieces), 1);
  EXPECT_EQ(pieces[0].iov_len, 300);
}

TEST(http_output, a_slice_is_referred_to_and_dropped_once_it_is_written) {
  const std::string text = patterned(5000);
  base::Slice slice = slice_of(text);
  const std::byte* const at = slice.bytes.data();
  Output output;
  output.append(bytes_of_text("head"));
  output.append(std::move(slice));
  output.append(bytes_of_text("tail"));
  std::array<iovec, 4> pieces;
  REQUIRE(output.gather(pieces) == 3);
  EXPECT(pieces[1].iov_base == at);
  output.advance(4 + 4999);
  REQUIRE(output.gather(pieces) == 2);
  EXPECT(pieces[0].iov_base == at + 4999);
  output.advance(1);
  REQUIRE(output.gather(pieces) == 1);
  EXPECT_EQ(gathered(output, 1), "tail");
}

TEST(http_output, an_append_after_a_slice_begins_a_piece_of_its_own) {
  Output output;
  output.append(bytes_of_text("a"));
  output.append(slice_of("b"));
  output.append(bytes_of_text("c"));
  output.append(bytes_of_text("d"));
  EXPECT_EQ(gathered(output, 2), "ab");
  EXPECT_EQ(gathered(output, 3), "abcd");
}

TEST(http_output, a_long_line_of_pieces_is_forgotten_as_it_is_written) {
  Output output;
  std::string wanted;
  for (int i = 0; i < 5000; ++i) {
    const std::string text = std::to_string(i);
    output.append(slice_of(text));
    wanted += text;
  }
  while (wanted.size() > 3) {
    output.advance(3);
    wanted.erase(0, 3);
    REQUIRE(wanted.starts_with(gathered(output, 2)));
  }
  EXPECT_EQ(gathered(output, 10), wanted);
}

TEST(http_output, clearing_forgets_everything_and_is_no_obstacle) {
  Output output;
  output.append(bytes_of_text("lost"));
  output.append(slice_of("too"));
  output.clear();
  EXPECT(output.is_empty());
  output.append(bytes_of_text("kept"));
  EXPECT_EQ(gathered(output, 4), "kept");
}

TEST(http_output, an_output_may_be_moved_with_what_it_holds) {
  Output output;
  output.append(bytes_of_text("abc"));
  output.append(slice_of("def"));
  Output other = std::move(output);
  output = Output();
  output.append(bytes_of_text("new"));
  other.append(bytes_of_text("ghi"));
  EXPECT_EQ(gathered(other, 4), "abcdefghi");
  EXPECT_EQ(gathered(output, 4), "new");
}

}  // namespace penstock::testing
