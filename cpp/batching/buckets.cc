// SPDX-License-Identifier: Apache-2.0
#include "batching/buckets.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "batching/shape.h"

namespace penstock::batching {

using base::Nanos;

namespace {

std::uint32_t index_of(std::size_t i) { return static_cast<std::uint32_t>(i); }

}  // namespace

Handle Buckets::add(std::unique_ptr<Ticket> ticket) {
  const std::uint32_t bucket = bucket_for(*ticket, false);
  const std::uint32_t slot = free_slot();
  slots_[slot].ticket = std::move(ticket);
  append(slot, bucket);
  ++size_;
  return {.slot = slot, .generation = slots_[slot].generation};
}

std::unique_ptr<Ticket> Buckets::remove(Handle handle) {
  if (handle.slot >= slots_.size()) return nullptr;
  const Slot& slot = slots_[handle.slot];
  if (slot.generation != handle.generation || slot.ticket == nullptr) return nullptr;
  return vacate(handle.slot);
}

void Buckets::take(std::size_t position, std::int64_t tickets,
                   std::vector<std::unique_ptr<Ticket>>& taken) {
  const std::uint32_t number = numbers_[position];
  for (; tickets > 0; --tickets) taken.push_back(vacate(buckets_[number].oldest));
}

void Buckets::take_all(std::vector<std::unique_ptr<Ticket>>& taken) {
  while (size_ > 0) taken.push_back(vacate(buckets_[numbers_.back()].oldest));
}

void Buckets::update(Nanos now, std::vector<std::unique_ptr<Ticket>>& expired) {
  // Delayed buckets that come into being on the way are appended, so they are visited too.
  for (std::size_t i = 0; i < states_.size();) {
    const std::uint32_t number = numbers_[i];
    if (buckets_[number].is_stale) survey(number);
    const BucketState& state = states_[i];
    if (std::min(state.earliest_deadline_ns, state.earliest_queue_deadline_ns) > now) {
      ++i;
    } else {
      remove_expired(number, now, expired);  // and look again: the head now reaches further back
    }
  }
}

const BucketState& Buckets::state_of(Handle handle) {
  const std::uint32_t number = slots_[handle.slot].bucket;
  if (buckets_[number].is_stale) survey(number);
  return states_[buckets_[number].position];
}

TicketFacts Buckets::facts(const Ticket& ticket, const Bucket& bucket) const {
  return {.rows = ticket.rows,
          .enqueued_ns = ticket.enqueued_ns,
          .deadline_ns = ticket.deadline_ns,
          .queue_deadline_ns = bucket.is_delayed ? base::kNever : ticket.queue_deadline_ns};
}

std::uint32_t Buckets::bucket_for(const Ticket& ticket, bool is_delayed) {
  // Without a batch dimension nothing is ever put together, so all shapes stand in one line.
  const bool by_shape = settings_.batch_rows_max > 0;
  const std::uint64_t key = by_shape ? ticket.shape_key : 0;
  for (std::uint32_t i = chain_of(key); i != kNone; i = buckets_[i].chain_next) {
    const Bucket& bucket = buckets_[i];
    if (bucket.shape_key != key || bucket.is_delayed != is_delayed) continue;
    if (!by_shape || same_shapes(slots_[bucket.oldest].ticket->inputs, ticket.inputs)) return i;
  }
  return make_bucket(key, is_delayed);
}

std::uint32_t Buckets::make_bucket(std::uint64_t shape_key, bool is_delayed) {
  if (numbers_.size() == chains_.size()) widen_chains();
  std::uint32_t number = first_free_bucket_;
  if (number == kNone) {
    number = index_of(buckets_.size());
    buckets_.emplace_back();
  } else {
    first_free_bucket_ = buckets_[number].chain_next;
  }
  std::uint32_t& chain = chain_of(shape_key);
  buckets_[number] = {.shape_key = shape_key,
                      .position = index_of(states_.size()),
                      .oldest = kNone,
                      .youngest = kNone,
                      .chain_next = std::exchange(chain, number),
                      .is_delayed = is_delayed,
                      .is_stale = false};
  states_.push_back({.is_delayed = is_delayed});
  numbers_.push_back(number);
  return number;
}

void Buckets::drop_bucket(std::uint32_t number) {
  Bucket& bucket = buckets_[number];
  std::uint32_t* link = &chain_of(bucket.shape_key);
  while (*link != number) link = &buckets_[*link].chain_next;
  *link = bucket.chain_next;
  // The last state moves into the gap.
  states_[bucket.position] = states_.back();
  numbers_[bucket.position] = numbers_.back();
  buckets_[numbers_.back()].position = bucket.position;
  states_.pop_back();
  numbers_.pop_back();
  bucket.chain_next = std::exchange(first_free_bucket_, number);
}

void Buckets::widen_chains() {
  chains_.assign(chains_.size() * 2, kNone);
  for (const std::uint32_t number : numbers_) {
    buckets_[number].chain_next = std::exchange(chain_of(buckets_[number].shape_key), number);
  }
}

std::uint32_t Buckets::free_slot() {
  if (first_free_slot_ == kNone) {
    slots_.emplace_back();
    return index_of(slots_.size() - 1);
  }
  return std::exchange(first_free_slot_, slots_[first_free_slot_].next);
}

void Buckets::append(std::uint32_t slot, std::uint32_t number) {
  Bucket& bucket = buckets_[number];
  slots_[slot].bucket = number;
  slots_[slot].previous = bucket.youngest;
  slots_[slot].next = kNone;
  (bucket.youngest == kNone ? bucket.oldest : slots_[bucket.youngest].next) = slot;
  bucket.youngest = slot;
  if (bucket.is_stale) return;
  extend_head(states_[bucket.position], facts(*slots_[slot].ticket, bucket), settings_);
}

// Takes the slot out of its bucket; what the bucket's head then is, survey() finds out.
void Buckets::detach(std::uint32_t index) {
  const Slot& slot = slots_[index];
  const std::uint32_t number = slot.bucket;
  Bucket& bucket = buckets_[number];
  (slot.previous == kNone ? bucket.oldest : slots_[slot.previous].next) = slot.next;
  (slot.next == kNone ? bucket.youngest : slots_[slot.next].previous) = slot.previous;
  bucket.is_stale = true;
  if (bucket.oldest == kNone) drop_bucket(number);
}

std::unique_ptr<Ticket> Buckets::vacate(std::uint32_t index) {
  detach(index);
  Slot& slot = slots_[index];
  if (++slot.generation == 0) slot.generation = 1;
  slot.next = std::exchange(first_free_slot_, index);
  --size_;
  return std::move(slot.ticket);
}

void Buckets::survey(std::uint32_t number) {
  Bucket& bucket = buckets_[number];
  BucketState& state = states_[bucket.position];
  state = {.is_delayed = bucket.is_delayed};
  for (std::uint32_t i = bucket.oldest; i != kNone && !state.head_is_full; i = slots_[i].next) {
    extend_head(state, facts(*slots_[i].ticket, bucket), settings_);
  }
  bucket.is_stale = false;
}

void Buckets::remove_expired(std::uint32_t number, Nanos now,
                             std::vector<std::unique_ptr<Ticket>>& expired) {
  const bool is_delayed = buckets_[number].is_delayed;
  const std::int64_t head_tickets = states_[buckets_[number].position].head_tickets;
  std::uint32_t next = buckets_[number].oldest;
  for (std::int64_t i = 0; i < head_tickets; ++i) {
    const std::uint32_t slot = std::exchange(next, slots_[next].next);
    const Ticket& ticket = *slots_[slot].ticket;
    const bool is_late = !is_delayed && ticket.queue_deadline_ns <= now;
    if (ticket.deadline_ns <= now || (is_late && action_ == TimeoutAction::kReject)) {
      expired.push_back(vacate(slot));
    } else if (is_late) {
      // Found before it is detached, while its present bucket still keeps the shape.
      const std::uint32_t delayed = bucket_for(ticket, true);
      detach(slot);
      append(slot, delayed);
    }
  }
}

}  // namespace penstock::batching
