// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/event.h"
#include "http/head_text.h"
#include "http1/date.h"
#include "http1/exchange.h"

namespace penstock::http1 {

// Memory that a session needs only while it is fed, and the exchanges that are over: one for all
// sessions of a thread, so that it stays in the core's cache however many connections there are,
// and an idle connection holds none of it. Touched by Session alone, but for `date`; must outlive
// it.
struct Workspace {
  // A request's fields: a part of `fields`, turned into a span when all are there.
  struct Head {
    std::size_t event = 0;
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  static constexpr std::size_t kSpareExchangesMax = 1024;

  Date date;  // what answers say; set by whoever has a clock, from time to time

  std::vector<http::Event> events;
  std::vector<http::Field> fields;
  std::vector<Head> heads;
  std::vector<std::string_view> connections;  // values of the Connection fields of one head
  http::HeadText text;                        // what `fields` views besides the input...
  std::string viewed;                         // ... and this: input of former calls
  std::vector<std::unique_ptr<Exchange>> spare_exchanges;
};

}  // namespace penstock::http1
