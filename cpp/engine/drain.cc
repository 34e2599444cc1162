// SPDX-License-Identifier: Apache-2.0
#include "engine/drain.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

namespace penstock::engine {
namespace {

using base::Nanos;

// How often the drain looks whether the last connection is gone.
constexpr Nanos kLook = 5 * base::kMillisecond;
constexpr int kSignals[] = {SIGTERM, SIGINT};
constexpr int kForcedExitCode = 1;

// A signal handler can be told nothing, so what it needs is here: where to write, and how many
// signals have come.
std::atomic<int> signal_fd = -1;
std::atomic<int> signals_received = 0;
static_assert(std::atomic<int>::is_always_lock_free);

void notify(int fd) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t put = ::write(fd, &one, sizeof one);
}

void on_signal(int signal) {
  const int saved = errno;
  if (signals_received.fetch_add(1) > 0) _exit(128 + signal);
  notify(signal_fd.load());
  errno = saved;
}

void say(const char* sentence) {
  // stderr may be locked by a thread that hangs.
  [[maybe_unused]] const ssize_t put = ::write(STDERR_FILENO, sentence, std::strlen(sentence));
}

}  // namespace

base::Result<std::unique_ptr<Drain>> Drain::open(Engine& engine) {
  base::UniqueFd requested(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  base::UniqueFd drained(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!requested || !drained) {
    return base::fail(base::Code::kResourceExhausted,
                      std::string("cannot make an eventfd: ") + std::strerror(errno));
  }
  return std::unique_ptr<Drain>(new Drain(engine, std::move(requested), std::move(drained)));
}

Drain::Drain(Engine& engine, base::UniqueFd requested, base::UniqueFd drained)
    : engine_(engine), requested_(std::move(requested)), drained_(std::move(drained)) {
  thread_ = std::thread([this] { run(); });
}

Drain::~Drain() {
  if (has_handlers_) {
    for (const int signal : kSignals) std::signal(signal, SIG_DFL);
    signal_fd.store(-1);
  }
  is_closing_.store(true);
  notify(requested_.get());
  thread_.join();
}

void Drain::install_signal_handlers() {
  signal_fd.store(requested_.get());
  signals_received.store(0);
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal : kSignals) sigaction(signal, &action, nullptr);
  has_handlers_ = true;
}

void Drain::begin() {
  if (!has_begun_.exchange(true)) notify(requested_.get());
}

void Drain::run() {
  pthread_setname_np(pthread_self(), "penstock-drain");
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);  // the handlers run on threads that may be interrupted
  if (!wait_for_begin()) return;
  has_begun_.store(true);
  const DrainOptions& options = engine_.drain_options();
  const Nanos began_ns = base::monotonic_now();
  const Nanos exit_ns = base::after(began_ns, options.exit_timeout_ns);
  engine_.begin_drain();
  if (!wait(std::min(base::after(began_ns, options.delay_ns), exit_ns))) return;
  finish_calls(exit_ns);
  notify(drained_.get());
  if (!wait(exit_ns)) return;
  if (is_drained_.load()) {
    say("penstock: every request was answered, but a model still runs at the exit timeout; "
        "the process ends\n");
    _exit(0);
  }
  say("penstock: the exit timeout is over and requests are still in flight; the process ends\n");
  _exit(kForcedExitCode);
}

void Drain::finish_calls(Nanos exit_ns) {
  engine_.drain_connections();
  for (Nanos now = base::monotonic_now(); now < exit_ns; now = base::monotonic_now()) {
    if (engine_.connections() == 0) {
      is_drained_.store(true);
      return;
    }
    if (!wait(std::min(now + kLook, exit_ns))) return;
  }
}

// False: this Drain is being destroyed, and nothing was asked for.
bool Drain::wait_for_begin() {
  pollfd poll_fd{.fd = requested_.get(), .events = POLLIN, .revents = 0};
  while (::poll(&poll_fd, 1, -1) < 0 && errno == EINTR) {
  }
  return !is_closing_.load();
}

// Sleeps until `until`. False: this Drain is being destroyed.
bool Drain::wait(Nanos until) {
  while (!is_closing_.load()) {
    const Nanos now = base::monotonic_now();
    if (now >= until) return true;
    const Nanos nap = std::min(until - now, kLook);
    const timespec sleep{.tv_sec = nap / base::kSecond, .tv_nsec = nap % base::kSecond};
    nanosleep(&sleep, nullptr);
  }
  return false;
}

}  // namespace penstock::engine
