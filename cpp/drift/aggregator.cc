// SPDX-License-Identifier: Apache-2.0
#include "drift/aggregator.h"

#include <poll.h>
#include <pthread.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/least_priority.h"
#include "base/signal_mask.h"
#include "drift/cut.h"

namespace penstock::drift {
namespace {

// How often it looks while there is something to count. Rows wait in the rings meanwhile, which
// costs nothing, and more of them make fuller blocks.
constexpr int kLookMs = 50;
constexpr int kIdleLookMs = 500;
// What it counts of one ring before that has room again.
constexpr std::size_t kReleaseBytes = std::size_t{256} << 10;

std::unexpected<base::Error> stopped() {
  return base::fail(base::Code::kUnavailable, "the engine has stopped: no rows are counted");
}

}  // namespace

base::Result<std::shared_ptr<Aggregator>> Aggregator::open(std::size_t io_threads,
                                                           std::size_t ring_bytes) {
  auto waking = base::EventFd::open();
  if (!waking) return std::unexpected(waking.error());
  return std::shared_ptr<Aggregator>(new Aggregator(io_threads, ring_bytes, std::move(*waking)));
}

Aggregator::~Aggregator() { stop(); }

// ---------------------------------------------------------------------------------------------
// On control threads

base::Result<std::shared_ptr<Watch>> Aggregator::open_watch(Plan plan,
                                                            const WatchOptions& options) {
  auto state = state_.lock();
  if (state->is_stopped) return stopped();
  if (!std::exchange(state->is_started, true)) start();
  auto watch =
      std::make_shared<Watch>(state->next_number++, std::move(plan), options, ends_.size());
  state->opened.push_back(watch);
  return watch;
}

// The caller holds the state.
void Aggregator::start() {
  for (std::size_t i = 0; i < ends_.size(); ++i) {
    ends_[i].ring = std::make_unique<ByteRing>(ring_bytes_);
    ends_[i].chance = Chance(mixed(i + kMixStep));
  }
  ring_bytes_used_.store(ends_.size() * ring_bytes_, std::memory_order_relaxed);
  const base::AllSignalsBlocked blocked;
  thread_ = std::thread([this] { run(); });
}

void Aggregator::stop() {
  {
    auto state = state_.lock();
    state->is_stopped = true;
  }
  wake();
  if (thread_.joinable()) thread_.join();
}

base::Result<Counts> Aggregator::take(Watch& watch, bool ends_tick) {
  Order order{.watch = &watch, .ends_tick = ends_tick};
  auto state = state_.lock();
  if (state->is_stopped) return stopped();
  state->orders.push_back(&order);
  wake();
  // The thread carries out every order before it ends.
  while (!order.is_done) state.wait();
  return std::move(order.counts);
}

void Aggregator::wake() {
  if (!is_woken_.exchange(true)) waking_.notify();
}

// ---------------------------------------------------------------------------------------------
// On io threads

Offered Aggregator::offer(std::size_t io_thread, const Tap& tap, const Rows& rows) {
  End& end = ends_[io_thread];
  std::size_t bytes = record_bytes(rows);
  Rows taken = rows;
  if (bytes > end.ring->record_bytes_max()) {
    const auto cut =
        cut_rows(rows, tap.tensors(), end.ring->record_bytes_max(), end.chance, end.views);
    if (!cut) return {.left = rows.rows, .why = Left::kLarge};
    taken = *cut;
    bytes = record_bytes(taken);
  }
  std::byte* const record = end.ring->reserve(bytes);
  if (record == nullptr) return {.left = rows.rows, .why = Left::kFull};
  write_record(tap.number(), taken, record);
  return {.is_taken = true, .left = rows.rows - taken.rows, .why = Left::kLarge};
}

void Aggregator::commit(std::size_t io_thread, const Tap& tap, const Offered& offered) {
  if (offered.left > 0) tap.record_left(io_thread, offered.why, offered.left);
  if (!offered.is_taken) return;
  ByteRing& ring = *ends_[io_thread].ring;
  ring.commit();
  // Waking takes a system call: not for every request, and once for all of them.
  if (ring.is_half_full() && !is_woken_.load(std::memory_order_relaxed)) wake();
}

// ---------------------------------------------------------------------------------------------
// The aggregator

void Aggregator::run() {
  pthread_setname_np(pthread_self(), "penstock-drift");
  // On a full core it still counts thousands of rows a second; the others are dropped, and counted
  // as dropped.
  base::become_least();
  while (true) {
    const bool ends = state_.lock()->is_stopped;
    const bool has_worked = pass();
    if (ends) return;
    pollfd readable{.fd = waking_.fd(), .events = POLLIN, .revents = 0};
    if (::poll(&readable, 1, has_worked ? kLookMs : kIdleLookMs) <= 0) continue;
    waking_.clear();
    is_woken_.store(false);
  }
}

// False: there was nothing to count.
bool Aggregator::pass() {
  std::vector<Order*> orders;
  {
    auto state = state_.lock();
    orders.swap(state->orders);
    if (!state->opened.empty()) {
      std::erase_if(known_, [](const auto& one) { return one.second.expired(); });
    }
    for (std::weak_ptr<Watch>& opened : state->opened) {
      if (const auto watch = opened.lock()) known_.emplace_back(watch->number(), opened);
    }
    state->opened.clear();
  }
  bool has_worked = false;
  for (const End& end : ends_) {
    if (end.ring != nullptr) has_worked = drain(*end.ring) || has_worked;
  }
  if (orders.empty()) return has_worked;
  for (Order* const order : orders) order->counts = order->watch->take(order->ends_tick);
  const auto state = state_.lock();
  for (Order* const order : orders) order->is_done = true;
  state_.notify_all();
  return has_worked;
}

bool Aggregator::drain(ByteRing& ring) {
  std::size_t drained = 0;
  for (auto record = ring.next(); !record.empty(); record = ring.next()) {
    drained += record.size();
    Watch* const watch = find(watch_of(record));
    if (watch != nullptr) watch->add(record);
    if (ring.unreleased() >= kReleaseBytes) release(ring);
    // An io thread may be as fast as this one: others want their turn.
    if (drained >= ring.capacity()) break;
  }
  release(ring);
  return drained > 0;
}

// Blocks hold addresses of the ring's bytes.
void Aggregator::release(ByteRing& ring) {
  for (const auto& watch : touched_) watch->flush();
  touched_.clear();
  last_ = nullptr;
  ring.release();
}

// Null: nobody wants its counts any more.
Watch* Aggregator::find(std::uint64_t number) {
  if (last_ != nullptr && last_->number() == number) return last_;
  const auto touched = std::ranges::find(touched_, number, &Watch::number);
  if (touched != touched_.end()) return last_ = touched->get();
  const auto known =
      std::ranges::lower_bound(known_, number, {}, [](const auto& one) { return one.first; });
  if (known == known_.end() || known->first != number) return nullptr;
  auto watch = known->second.lock();
  if (watch == nullptr) return nullptr;
  touched_.push_back(std::move(watch));
  return last_ = touched_.back().get();
}

}  // namespace penstock::drift
