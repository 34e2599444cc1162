// SPDX-License-Identifier: Apache-2.0
#include "engine/drain.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
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

// A signal handler can be told nothing, so what it needs is here: whom to notify, and how many
// signals have come.
std::atomic<const base::EventFd*> signalled = nullptr;
std::atomic<int> signals_received = 0;
static_assert(std::atomic<int>::is_always_lock_free);
static_assert(std::atomic<const base::EventFd*>::is_always_lock_free);

void on_signal(int signal) {
  const int saved = errno;
  if (signals_received.fetch_add(1) > 0) _exit(128 + signal);
  if (const base::EventFd* const to = signalled.load(); to != nullptr) to->notify();
  errno = saved;
}

void say(const char* sentence) {
  // stderr may be locked by a thread that hangs.
  [[maybe_unused]] const ssize_t put = ::write(STDERR_FILENO, sentence, std::strlen(sentence));
}

}  // namespace

base::Result<std::unique_ptr<Drain>> Drain::open(Engine& engine) {
  auto requested = base::EventFd::open();
  if (!requested) return std::unexpected(requested.error());
  auto drained = base::EventFd::open();
  if (!drained) return std::unexpected(drained.error());
  return std::unique_ptr<Drain>(new Drain(engine, std::move(*requested), std::move(*drained)));
}

Drain::Drain(Engine& engine, base::EventFd requested, base::EventFd drained)
    : engine_(engine), requested_(std::move(requested)), drained_(std::move(drained)) {
  thread_ = std::thread([this] { run(); });
}

Drain::~Drain() {
  if (has_handlers_) {
    for (const int signal : kSignals) std::signal(signal, SIG_DFL);
    signalled.store(nullptr);
  }
  is_closing_.store(true);
  requested_.notify();
  thread_.join();
}

void Drain::install_signal_handlers() {
  signalled.store(&requested_);
  signals_received.store(0);
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal : kSignals) sigaction(signal, &action, nullptr);
  has_handlers_ = true;
}

void Drain::begin() {
  if (!has_begun_.exchange(true)) requested_.notify();
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
  drained_.notify();
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
  pollfd poll_fd{.fd = requested_.fd(), .events = POLLIN, .revents = 0};
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
