// SPDX-License-Identifier: Apache-2.0

// Runs the C++ tests: all of them, or those whose `room.name` contains the first argument.
// Exit status 0: every test ran and passed; 1: some failed; 2: the filter matches none.

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>

#include "harness.h"
#include "scripted_worker.h"

namespace penstock::testing {
namespace {

const TestCase* first_case = nullptr;
const TestCase** last_link = &first_case;

std::string running;  // full name of the test under way
bool running_failed = false;

// A failed PENSTOCK_CHECK ends the program; say in which test.
void name_the_dead(int signal) {
  constexpr char kWords[] = "aborted in test ";
  (void)!::write(STDERR_FILENO, kWords, sizeof kWords - 1);
  (void)!::write(STDERR_FILENO, running.data(), running.size());
  (void)!::write(STDERR_FILENO, "\n", 1);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

bool passes(const TestCase& test) {
  running = test.full_name();
  running_failed = false;
  try {
    test.run();
  } catch (const std::exception& thrown) {
    fail(running.c_str(), 0, std::string("threw ") + thrown.what());
  }
  return !running_failed;
}

int run_matching(const char* filter) {
  int passed = 0;
  int failed = 0;
  for (const TestCase* test = TestCase::first(); test != nullptr; test = test->next()) {
    if (test->full_name().find(filter) == std::string::npos) continue;
    ++(passes(*test) ? passed : failed);
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  if (passed + failed == 0) return 2;
  return failed == 0 ? 0 : 1;
}

}  // namespace

TestCase::TestCase(const char* room, const char* name, void (*body)())
    : room_(room), name_(name), body_(body) {
  *last_link = this;
  last_link = &next_;
}

const TestCase* TestCase::first() { return first_case; }

std::string TestCase::full_name() const { return std::string(room_) + "." + name_; }

void fail(const char* file, int line, const std::string& what) {
  running_failed = true;
  std::printf("%s:%d: %s: %s\n", file, line, running.c_str(), what.c_str());
  std::fflush(stdout);
}

}  // namespace penstock::testing

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], penstock::testing::kScriptedWorker) == 0) {
    penstock::testing::run_scripted_worker();
  }
  std::signal(SIGABRT, penstock::testing::name_the_dead);
  return penstock::testing::run_matching(argc > 1 ? argv[1] : "");
}
