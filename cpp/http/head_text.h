// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace penstock::http {

// Copies of the text of header fields, in chunks that stay where they are until all is forgotten.
// Keeps one chunk when it is empty, so a busy owner allocates nothing. Lives on an io thread.
class HeadText {
 public:
  std::string_view keep(std::string_view text) {
    const std::size_t size = text.size();
    if (size > room_.size()) {
      const std::size_t chunk_bytes = std::max(kChunkBytes, size);
      room_ = {chunks_.emplace_back(std::make_unique_for_overwrite<char[]>(chunk_bytes)).get(),
               chunk_bytes};
      if (chunks_.size() == 1) first_ = room_;
    }
    if (size > 0) std::memcpy(room_.data(), text.data(), size);
    const std::string_view kept(room_.data(), size);
    room_ = room_.subspan(size);
    return kept;
  }
  // In lower case; `text` itself, not copied, where it is so already.
  std::string_view keep_lower_case(std::string_view text) {
    const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
    if (std::none_of(text.begin(), text.end(), is_upper)) return text;
    const std::string_view kept = keep(text);
    const std::span<char> own(room_.data() - kept.size(), kept.size());
    for (char& c : own) {
      if (is_upper(c)) c = static_cast<char>(c | 0x20);
    }
    return kept;
  }
  void forget() {
    if (chunks_.size() > 1) chunks_.resize(1);
    room_ = first_;
  }

 private:
  static constexpr std::size_t kChunkBytes = std::size_t{4} << 10;
  std::vector<std::unique_ptr<char[]>> chunks_;
  std::span<char> first_;  // the first chunk, kept
  std::span<char> room_;
};

}  // namespace penstock::http
