// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "base/channel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/event_fd.h"
#include "base/ring.h"
#include "batching/ticket.h"
#include "serving/mirror.h"
#include "serving/shadow.h"
#include "serving/version.h"
#include "serving/version_table.h"

namespace penstock::serving {

// Copies of one io thread's requests that may be under way at a time, whichever shadow they are
// for, and the bytes that they may keep alive.
inline constexpr std::size_t kMirrorsMax = 1024;
inline constexpr std::size_t kMirrorBytesMax = std::size_t{32} << 20;
// Copies that may wait on the desk for one shadow, and those that may be in its version's queue.
inline constexpr std::size_t kShadowLineMax = 512;
inline constexpr std::size_t kShadowInFlightMax = 64;
// How long a copy may wait in its version's queue.
inline constexpr base::Nanos kShadowPatience = 10 * base::kSecond;

// Where copies of requests are executed, and their answers compared with the primary's: one thread
// for the whole engine, of SCHED_IDLE.
//
//   io thread    spare() -> a Mirror is filled -> offer()      one push into a ring of its own
//                flush(), after the answers were written       wakes the desk, if it sleeps
//   desk         rings -> a line for each shadow -> its version: executed here (inline lane), or
//                enqueued there (batch lane), whose instances deliver() -> compared, counted
//                -> home to the io thread by another ring, which frees or reuses it
//
//  * The desk and an io thread share no lock, and neither frees the other's memory: a desk that is
//    not scheduled delays nobody. What is left: the queue of a version on the batch lane that has
//    requests of its own, malloc where there are more threads than arenas, and the pool of blocks
//    beyond 64 KiB; each is locked for less than a microsecond.
//  * Everything is bounded (above); what is too much is dropped there and then, and counted.
//  * One thread is enough: what executes on it is trusted to run on io threads, and whatever may
//    take long or hang is on the batch lane, on instance threads of its version. A shadow that
//    hangs holds its own copies, up to the bounds, and nothing else.
//  * A version is held (IoShare::hold) while copies of it are under way, and the table of versions
//    only while it is looked at.
class ShadowDesk {
 public:
  // `versions` has one reader more than there are io threads: the desk, who is the last.
  static base::Result<std::unique_ptr<ShadowDesk>> open(std::size_t io_threads,
                                                        PublishedVersions& versions);
  ShadowDesk(const ShadowDesk&) = delete;
  ShadowDesk& operator=(const ShadowDesk&) = delete;
  ~ShadowDesk();  // stop()

  void start();
  // Ends the thread after what it executes at present, and joins it. After the io threads have
  // ended; copies under way are let go of.
  void stop();

  // --- on io thread `io_thread` ------------------------------------------------------------

  // An empty Mirror, to be offered; or dropped by whoever holds it, if its request came to nothing.
  std::unique_ptr<Mirror> spare(std::size_t io_thread);
  // Takes `mirror`, of a request that `primary` has executed. Its `shadow` counts it as offered,
  // and why it was shed if it was. True: it is on its way.
  bool offer(std::size_t io_thread, const Version& primary, std::unique_ptr<Mirror> mirror);
  // Once per pass, after the answers were written: wakes the desk if there is something for it, and
  // lets go of what it is done with.
  void flush(std::size_t io_thread);
  // When flush() wants to be called at the latest.
  base::Nanos next_wake(std::size_t io_thread, base::Nanos now) const;

  // --- on instance threads -----------------------------------------------------------------

  // Answers to tickets whose address names io thread address(). Moves out of them.
  void deliver(std::span<batching::Reply> replies);
  std::uint32_t address() const { return static_cast<std::uint32_t>(ports_.size()); }

 private:
  // Between one io thread and the desk.
  struct alignas(64) Port {
    Port() : out(kMirrorsMax), home(kMirrorsMax) {}

    base::Ring<std::unique_ptr<Mirror>> out;   // to the desk
    base::Ring<std::unique_ptr<Mirror>> home;  // and back

    // The io thread's alone:
    std::vector<std::unique_ptr<Mirror>> spare;
    std::size_t under_way = 0;
    std::size_t bytes = 0;
    const std::byte* last_block = nullptr;  // that was charged
    bool has_pushed = false;                // since the last flush()
  };
  // What waits for one shadow.
  struct Line {
    std::shared_ptr<Shadow> shadow;
    std::deque<std::unique_ptr<Mirror>> waiting;
    std::size_t in_flight = 0;
    Version::IoShare* share = nullptr;  // held, while the line is being worked on
  };
  // A copy that is being executed.
  struct Flight {
    std::unique_ptr<Mirror> mirror;  // null: a free place
    Line* line = nullptr;
    Version::IoShare* share = nullptr;  // held
    std::uint64_t number = 0;
  };

  ShadowDesk(std::size_t io_threads, PublishedVersions& versions, base::EventFd waiting);

  static std::size_t bytes_of(const Mirror& mirror, const std::byte*& last_block);
  static void put_away(Port& port, std::unique_ptr<Mirror> mirror);
  void wake();

  void run();
  bool pass();
  bool collect();
  Line& line_of(const std::shared_ptr<Shadow>& shadow);
  void find_versions();
  bool work(Line& line);
  bool run_inline(Line& line);
  bool enqueue(Line& line);
  static std::unique_ptr<Mirror> take_first(Line& line);
  std::unique_ptr<batching::Ticket> take_off(Line& line, base::Nanos now);
  std::unique_ptr<Mirror> land(std::uint32_t place);
  void finish(batching::Reply& reply, bool was_interrupted);
  void drop(std::unique_ptr<Mirror> mirror, ShadowDrop reason);
  void send_home(std::unique_ptr<Mirror> mirror);

  PublishedVersions& versions_;
  const base::EventFd waiting_;
  std::vector<std::unique_ptr<Port>> ports_;
  base::Channel<batching::Reply> mailbox_;
  std::atomic<bool> is_asleep_ = false;
  std::atomic<bool> is_stopping_ = false;

  // The desk's alone:
  std::vector<std::unique_ptr<Line>> lines_;
  std::vector<Flight> flights_;
  std::vector<std::uint32_t> free_flights_;
  std::uint64_t next_number_ = 1;
  std::vector<batching::Reply> replies_;
  std::vector<batching::Reply> inline_replies_;
  std::vector<std::unique_ptr<batching::Ticket>> tickets_;
  std::thread thread_;
};

}  // namespace penstock::serving
