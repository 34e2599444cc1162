// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.h"
#include "batching/policy.h"
#include "batching/ticket.h"

namespace penstock::batching {

// Names one waiting ticket; a name is never used for a second one (generations wrap after 2^32
// tickets in one slot).
struct Handle {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;  // 0: names nothing

  friend bool operator==(const Handle&, const Handle&) = default;
};

// What happens to a ticket that has waited past its queue_deadline_ns.
enum class TimeoutAction : std::uint8_t {
  kReject,  // it is answered kUnavailable
  kDelay,   // it is served after all those that have not waited so long
};

// The waiting tickets of one version, in a bucket per shape, oldest first, with what the policy
// must know of each bucket kept beside them. A plain container: no lock, no clock, no decision;
// batching/queue.h is its owner and guards it.
//
// Tickets lie in slots of a slab that grows to the largest number that ever waited together. Adding
// and removing are O(1); the head of a bucket that lost a ticket is surveyed anew by update().
class Buckets {
 public:
  Buckets(const PolicySettings& settings, TimeoutAction action)
      : settings_(settings), action_(action), chains_(kChainsMin, kNone) {}

  // Appends `ticket` to its shape's bucket.
  Handle add(std::unique_ptr<Ticket> ticket);
  // The ticket back, or null if it no longer waits.
  std::unique_ptr<Ticket> remove(Handle handle);
  // Moves the first `tickets` tickets of states()[position] to the end of `taken`.
  void take(std::size_t position, std::int64_t tickets,
            std::vector<std::unique_ptr<Ticket>>& taken);
  // Moves all of them to the end of `taken`.
  void take_all(std::vector<std::unique_ptr<Ticket>>& taken);

  // Brings every head up to date at `now`: afterwards no head holds a ticket that has expired.
  // Those that have, and stood in a head, are moved to the end of `expired` (or, where only the
  // queue timeout has passed and the action says so, to their shape's delayed bucket).
  void update(base::Nanos now, std::vector<std::unique_ptr<Ticket>>& expired);

  // One entry per bucket that holds tickets; up to date after update().
  std::span<const BucketState> states() const { return states_; }
  // The bucket of a ticket that waits, brought up to date but for expiry.
  const BucketState& state_of(Handle handle);
  std::size_t size() const { return size_; }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  static constexpr std::size_t kChainsMin = 16;

  struct Slot {
    std::unique_ptr<Ticket> ticket;
    std::uint32_t generation = 1;
    std::uint32_t bucket = kNone;
    std::uint32_t previous = kNone;  // towards the older
    std::uint32_t next = kNone;      // towards the younger; in a free slot, the next free one
  };
  struct Bucket {
    std::uint64_t shape_key = 0;
    std::uint32_t position = 0;  // of its state in states_ and of its number in numbers_
    std::uint32_t oldest = kNone;
    std::uint32_t youngest = kNone;
    std::uint32_t chain_next = kNone;  // in a free bucket, the next free one
    bool is_delayed = false;
    bool is_stale = false;
  };

  std::uint32_t& chain_of(std::uint64_t shape_key) {
    return chains_[shape_key & (chains_.size() - 1)];
  }
  TicketFacts facts(const Ticket& ticket, const Bucket& bucket) const;
  std::uint32_t bucket_for(const Ticket& ticket, bool is_delayed);
  std::uint32_t make_bucket(std::uint64_t shape_key, bool is_delayed);
  void drop_bucket(std::uint32_t number);
  void widen_chains();
  std::uint32_t free_slot();
  void append(std::uint32_t slot, std::uint32_t bucket);
  void detach(std::uint32_t slot);
  std::unique_ptr<Ticket> vacate(std::uint32_t slot);
  void survey(std::uint32_t number);
  void remove_expired(std::uint32_t number, base::Nanos now,
                      std::vector<std::unique_ptr<Ticket>>& expired);

  PolicySettings settings_;
  TimeoutAction action_;
  std::size_t size_ = 0;
  std::vector<Slot> slots_;
  std::uint32_t first_free_slot_ = kNone;
  std::vector<Bucket> buckets_;
  std::uint32_t first_free_bucket_ = kNone;
  std::vector<std::uint32_t> chains_;  // by shape_key; its size is a power of two
  std::vector<BucketState> states_;    // of the buckets that hold tickets, dense
  std::vector<std::uint32_t> numbers_;
};

}  // namespace penstock::batching
