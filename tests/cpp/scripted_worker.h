// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

// A worker process in C++ for the tests of model/process_executor.h: this program itself, run again
// with kScriptedWorker as its argument. It speaks as penstock.backends.worker does, and does to
// itself what the test asks for.
namespace penstock::testing {

inline constexpr const char* kScriptedWorker = "--scripted-worker";

// What the first float of a batch, or the document to load, asks for.
enum class Script : int {
  kDouble = 0,  // answers with the input, doubled
  kExit = 1,    // exit status 3
  kKill = 2,    // SIGKILL
  kLoop = 3,    // for ever
  kLeak = 4,    // for ever, touching memory
  kBabble = 5,  // a message that is no header
  kRaise = 6,   // answers with a sentence
  kWrongNumber = 7,
  kClose = 8,        // closes its socket and lives on
  kOutside = 9,      // an output that lies outside of the memory
  kFarOutside = 10,  // more bytes than there are
  kFork = 11,        // leaves a child behind that holds the socket open
};

// Never returns.
[[noreturn]] void run_scripted_worker();

// The command that runs it.
std::vector<std::string> scripted_worker();

}  // namespace penstock::testing
