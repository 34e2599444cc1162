// SPDX-License-Identifier: Apache-2.0
#include "model/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace penstock::model {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr int kFirstInherited = 3;
// Descriptors are moved up here before they are given their places, so that none is overwritten.
constexpr int kOutOfTheWay = 64;

std::unexpected<base::Error> cannot_start(const std::string& program, int why) {
  return fail(Code::kUnavailable, "cannot start " + program + ": " + std::strerror(why));
}

// What posix_spawn is told, released at the end of the scope.
class SpawnPlan {
 public:
  SpawnPlan() {
    PENSTOCK_CHECK(posix_spawn_file_actions_init(&actions_) == 0);
    PENSTOCK_CHECK(posix_spawnattr_init(&attributes_) == 0);
    sigset_t signals;
    // Instance threads block all signals and Python ignores some: neither is for the child.
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, STDERR_FILENO, STDOUT_FILENO);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }

  // `fd` becomes the next of those that are inherited. False: there are too many open.
  bool inherit(int fd) {
    base::UniqueFd& moved = moved_.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, kOutOfTheWay));
    if (!moved) return false;
    posix_spawn_file_actions_adddup2(&actions_, moved.get(), next_++);
    return true;
  }
  int run(const std::vector<std::string>& command, pid_t& pid) {
    posix_spawn_file_actions_addclosefrom_np(&actions_, next_);
    std::vector<char*> words;
    for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    return posix_spawnp(&pid, words[0], &actions_, &attributes_, words.data(), environ);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
  std::vector<base::UniqueFd> moved_;
  int next_ = kFirstInherited;
};

timespec until(base::Nanos deadline) {
  const base::Nanos left = std::max<base::Nanos>(0, deadline - base::monotonic_now());
  return {.tv_sec = left / base::kSecond, .tv_nsec = left % base::kSecond};
}

}  // namespace

std::string text_of(const ProcessEnd& end) {
  if (!end.by_signal) return "ended with exit status " + std::to_string(end.number);
  const char* const name = sigabbrev_np(end.number);
  const char* const meaning = sigdescr_np(end.number);
  if (name == nullptr || meaning == nullptr) {
    return "was killed by signal " + std::to_string(end.number);
  }
  std::string text = "was killed by SIG" + std::string(name) + " (" + meaning + ")";
  if (end.number == SIGKILL) text += ", as the kernel does when memory is out";
  return text;
}

Result<std::unique_ptr<ChildProcess>> ChildProcess::spawn(const std::vector<std::string>& command,
                                                          std::span<const int> fds) {
  PENSTOCK_CHECK(!command.empty());
  SpawnPlan plan;
  for (const int fd : fds) {
    if (!plan.inherit(fd)) return cannot_start(command[0], errno);
  }
  pid_t pid = -1;
  if (const int why = plan.run(command, pid); why != 0) return cannot_start(command[0], why);
  base::UniqueFd end(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  const int why = errno;
  const std::string statm = "/proc/" + std::to_string(pid) + "/statm";
  base::UniqueFd memory(::open(statm.c_str(), O_RDONLY | O_CLOEXEC));
  std::unique_ptr<ChildProcess> child(new ChildProcess(pid, std::move(end), std::move(memory)));
  if (!child->end_) return cannot_start(command[0], why);
  return child;
}

ChildProcess::~ChildProcess() {
  signal(SIGKILL);
  siginfo_t ignored{};
  while (waitid(P_PID, static_cast<id_t>(pid_), &ignored, WEXITED) != 0 && errno == EINTR) {
  }
}

// A process that has ended but was not waited for keeps its number, and with it the group's.
void ChildProcess::signal(int number) const { ::kill(number == SIGKILL ? -pid_ : pid_, number); }

bool ChildProcess::wait_for_end(base::Nanos deadline, int wake_fd) const {
  std::array<pollfd, 2> looked{pollfd{.fd = end_fd(), .events = POLLIN, .revents = 0},
                               pollfd{.fd = wake_fd, .events = POLLIN, .revents = 0}};
  for (;;) {
    const timespec left = until(deadline);
    const int ready =
        ppoll(looked.data(), looked.size(), deadline == base::kNever ? nullptr : &left, nullptr);
    if (ready < 0 && errno == EINTR) continue;
    return looked[0].revents != 0;
  }
}

std::optional<ProcessEnd> ChildProcess::end() const {
  siginfo_t found{};
  if (waitid(P_PID, static_cast<id_t>(pid_), &found, WEXITED | WNOHANG | WNOWAIT) != 0 ||
      found.si_pid == 0) {
    return std::nullopt;
  }
  return ProcessEnd{.by_signal = found.si_code != CLD_EXITED, .number = found.si_status};
}

std::size_t ChildProcess::resident_bytes() const {
  std::array<char, 128> line{};
  const ssize_t size = pread(memory_.get(), line.data(), line.size() - 1, 0);
  if (size <= 0) return 0;
  // Pages: the whole address space first, then what is resident.
  char* rest = line.data();
  std::strtoull(rest, &rest, 10);
  static const auto page_bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return std::strtoull(rest, nullptr, 10) * page_bytes;
}

}  // namespace penstock::model
