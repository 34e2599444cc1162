// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "http/event.h"
#include "http/head_text.h"
#include "http1/head_check.h"

namespace penstock::http1 {

// Where the fields of heads go. Owned by the Workspace.
struct FieldSink {
  std::vector<http::Field>& fields;
  http::HeadText& text;
  std::vector<std::string_view>& connections;  // the values of Connection fields of this head
};

// One request after the other through Boost.Beast's parser, which is given whole elements only,
// each after its bytes have been checked: a head, a chunk's head, whatever is there of a body. So
// nothing is kept in it between calls but its place. What it gives back are views into its input.
// Lives on an io thread.
class Parser {
 public:
  Parser();
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;
  ~Parser();

  // Begins a request. `facts` is what check_head() read of `head`; false where Beast refuses it or
  // reads another request. Appends the fields as sent, with lower-case names, but for Host and
  // those that concern one connection only.
  bool read_head(std::string_view head, const HeadFacts& facts, FieldSink sink);

  struct Part {
    std::size_t read = 0;             // bytes of the input
    std::span<const std::byte> data;  // the body among them
    bool is_sound = true;
  };
  // The next element of the body: some of its bytes, or the whole head of a chunk, which begins
  // with the CRLF of the one before; the last one's ends with the trailers' empty line.
  Part read_body(std::span<const std::byte> input);
  // The request is complete.
  bool is_done() const;

 private:
  class Beast;
  std::unique_ptr<Beast> beast_;
};

}  // namespace penstock::http1
