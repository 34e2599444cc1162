// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/event_fd.h"
#include "base/monitor.h"
#include "drift/byte_ring.h"
#include "drift/counts.h"
#include "drift/fingerprint.h"
#include "drift/left.h"
#include "drift/plan.h"
#include "drift/record.h"
#include "drift/tap.h"
#include "drift/watch.h"

namespace penstock::drift {

// Between one io thread and the aggregator. A request that finds no room is not waited for.
inline constexpr std::size_t kRingBytes = std::size_t{4} << 20;

// What became of the rows of a request.
struct Offered {
  bool is_taken = false;   // some of them, or all
  std::uint32_t left = 0;  // so many are not counted
  Left why = Left::kFull;
};

// Where rows are counted: one thread for the whole engine, behind all those that answer.
//
//   io thread    offer() -> one copy into a ring of its own; commit() once the request is answered
//   aggregator   rings -> Watch, block by block; looks by itself, and is woken by a ring that is
//                half full, or by whoever asks for counts
//   asker        take(): what was committed before the call is counted, and the counts handed over
//
//  * The aggregator and an io thread share no lock, and nothing waits for the aggregator but who
//    asks for counts.
//  * Until the first watch is opened there is neither a ring nor the thread.
class Aggregator {
 public:
  static base::Result<std::shared_ptr<Aggregator>> open(std::size_t io_threads,
                                                        std::size_t ring_bytes = kRingBytes);
  Aggregator(const Aggregator&) = delete;
  Aggregator& operator=(const Aggregator&) = delete;
  ~Aggregator();  // stop()

  // Ends the thread, and joins it; after the io threads have ended. Whoever waits for counts is
  // told.
  void stop();

  // --- on any control thread ---------------------------------------------------------------

  // kUnavailable once it has stopped.
  base::Result<std::shared_ptr<Watch>> open_watch(Plan plan, const WatchOptions& options);
  // Waits until what was committed before is counted. kUnavailable once it has stopped.
  base::Result<Counts> take(Watch& watch, bool ends_tick);
  // Of its rings.
  std::size_t ring_bytes() const { return ring_bytes_used_.load(std::memory_order_relaxed); }

  // --- on io thread `io_thread`, which has a Tap -------------------------------------------

  // Of a request that has more than the ring takes of one, some rows (cut.h).
  Offered offer(std::size_t io_thread, const Tap& tap, const Rows& rows);
  // What was offered last was answered: it is to be counted, or to be told as left.
  void commit(std::size_t io_thread, const Tap& tap, const Offered& offered);

 private:
  struct Order {
    Watch* watch = nullptr;
    bool ends_tick = false;
    bool is_done = false;
    Counts counts = {};
  };
  struct State {
    bool is_started = false;
    bool is_stopped = false;
    std::uint64_t next_number = 1;
    std::vector<std::weak_ptr<Watch>> opened;  // since the aggregator looked
    std::vector<Order*> orders;
  };

  Aggregator(std::size_t io_threads, std::size_t ring_bytes, base::EventFd waking)
      : ring_bytes_(ring_bytes), waking_(std::move(waking)), ends_(io_threads) {}

  // What one io thread has here.
  struct End {
    std::unique_ptr<ByteRing> ring;  // there before any tap is
    Chance chance{0};                // which rows are taken of too many
    std::vector<std::span<const std::byte>> views;
  };

  void start();
  void wake();
  void run();
  bool pass();
  bool drain(ByteRing& ring);
  Watch* find(std::uint64_t number);
  void release(ByteRing& ring);

  const std::size_t ring_bytes_;
  const base::EventFd waking_;
  std::atomic<bool> is_woken_ = false;
  std::atomic<std::size_t> ring_bytes_used_ = 0;
  std::vector<End> ends_;
  base::Monitor<State> state_;

  // The aggregator's alone:
  std::vector<std::pair<std::uint64_t, std::weak_ptr<Watch>>> known_;  // by number
  std::vector<std::shared_ptr<Watch>> touched_;                        // with rows in a block
  Watch* last_ = nullptr;                                              // of touched_
  std::thread thread_;
};

}  // namespace penstock::drift
