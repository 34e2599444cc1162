// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>

namespace penstock::wire {

// What a JSON parser may read past the end of a text, without looking at it. A body that is to be
// parsed where it lies stands in a block with as many bytes behind it; others are copied.
inline constexpr std::size_t kJsonPaddingBytes = 64;

// The memory that reading JSON needs, kept from one text to the next so that a busy thread
// allocates nothing. What a very large text made of it is given back with the next one.
// Lives on one thread; views into what it reads last until the next text.
class JsonScratch {
 public:
  struct State;  // json_reader.h

  JsonScratch();
  JsonScratch(const JsonScratch&) = delete;
  JsonScratch& operator=(const JsonScratch&) = delete;
  ~JsonScratch();

  State& state() { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

}  // namespace penstock::wire
