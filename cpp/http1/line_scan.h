// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace penstock::http1 {

// Finds the lines of a section of which ever more bytes come, and looks at each byte once. A line
// ends with CRLF: a bare LF is what some in front of a server take for the end of a line, and
// others do not, so it is told. A value.
class LineScan {
 public:
  enum class What { kLine, kMore, kBareLf, kTooLong };
  struct Found {
    What what = What::kMore;
    std::string_view line;  // without its CRLF
  };

  // The next line of `bytes`, which begin where the section does and are at least those of the last
  // call. kTooLong: it does not end within the first `bytes_max`.
  Found next(std::string_view bytes, std::size_t bytes_max) {
    const std::size_t end = std::min(bytes.size(), bytes_max);
    const void* const found =
        end > looked_ ? std::memchr(bytes.data() + looked_, '\n', end - looked_) : nullptr;
    if (found == nullptr) {
      looked_ = std::max(looked_, end);
      return {bytes.size() >= bytes_max ? What::kTooLong : What::kMore, {}};
    }
    const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data());
    if (at == line_begin_ || bytes[at - 1] != '\r') return {What::kBareLf, {}};
    const std::string_view line = bytes.substr(line_begin_, at - 1 - line_begin_);
    line_begin_ = looked_ = at + 1;
    ++lines_;
    return {What::kLine, line};
  }

  std::size_t lines() const { return lines_; }
  // Behind the last line found.
  std::size_t end() const { return line_begin_; }

 private:
  std::size_t line_begin_ = 0;
  std::size_t looked_ = 0;  // bytes before it have no LF that was not told
  std::size_t lines_ = 0;
};

}  // namespace penstock::http1
