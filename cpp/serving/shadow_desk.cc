// SPDX-License-Identifier: Apache-2.0
#include "serving/shadow_desk.h"

#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/least_priority.h"
#include "base/signal_mask.h"
#include "batching/batch.h"
#include "model/reshape.h"
#include "serving/shadow_bind.h"

namespace penstock::serving {
namespace {

using base::Nanos;
using batching::Ticket;

// Tickets that a line executes here before the next line has its turn.
constexpr std::size_t kInlineTicketsMax = 64;
// Spare mirrors that an io thread keeps.
constexpr std::size_t kSpareMax = 256;
// How long an io thread may leave mirrors at home that it could let go of, when nothing else wakes
// it: they hold memory.
constexpr Nanos kHomeLook = 100 * base::kMillisecond;
// Answers that may wait for the desk; more than are ever in flight.
constexpr std::size_t kRepliesMax = std::size_t{1} << 20;

// How often the system has taken this thread off its core.
long interruptions() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
}

// Executors take about as long for a batch of about as many rows.
bool is_comparable(std::int64_t rows, std::int64_t other) {
  return rows > 0 && other > 0 && rows <= 2 * other && other <= 2 * rows;
}

}  // namespace

base::Result<std::unique_ptr<ShadowDesk>> ShadowDesk::open(std::size_t io_threads,
                                                           PublishedVersions& versions) {
  auto waiting = base::EventFd::open();
  if (!waiting) return std::unexpected(waiting.error());
  return std::unique_ptr<ShadowDesk>(new ShadowDesk(io_threads, versions, std::move(*waiting)));
}

ShadowDesk::ShadowDesk(std::size_t io_threads, PublishedVersions& versions, base::EventFd waiting)
    : versions_(versions), waiting_(std::move(waiting)), mailbox_(kRepliesMax) {
  for (std::size_t i = 0; i < io_threads; ++i) ports_.push_back(std::make_unique<Port>());
  versions_.leave(address());
}

ShadowDesk::~ShadowDesk() { stop(); }

void ShadowDesk::start() {
  PENSTOCK_CHECK(!thread_.joinable());
  const base::AllSignalsBlocked blocked;
  thread_ = std::thread([this] { run(); });
}

void ShadowDesk::stop() {
  if (!thread_.joinable()) return;
  is_stopping_.store(true);
  waiting_.notify();
  thread_.join();
}

// ---------------------------------------------------------------------------------------------
// On an io thread

std::unique_ptr<Mirror> ShadowDesk::spare(std::size_t io_thread) {
  std::vector<std::unique_ptr<Mirror>>& kept = ports_[io_thread]->spare;
  if (kept.empty()) return std::make_unique<Mirror>();
  std::unique_ptr<Mirror> mirror = std::move(kept.back());
  kept.pop_back();
  return mirror;
}

bool ShadowDesk::offer(std::size_t io_thread, const Version& primary,
                       std::unique_ptr<Mirror> mirror) {
  Port& port = *ports_[io_thread];
  Shadow& shadow = *mirror->shadow;
  shadow.record_offered(io_thread);
  const auto shed = [&](ShadowDrop reason) {
    shadow.record_shed(io_thread, reason);
    put_away(port, std::move(mirror));
    return false;
  };
  if (port.under_way == kMirrorsMax) return shed(ShadowDrop::kFull);
  if (primary.is_backed_up()) return shed(ShadowDrop::kBackedUp);
  const std::byte* last_block = port.last_block;
  const std::size_t bytes = bytes_of(*mirror, last_block);
  if (bytes > kMirrorBytesMax - port.bytes) return shed(ShadowDrop::kBytes);
  port.last_block = last_block;
  port.bytes += bytes;
  ++port.under_way;
  mirror->signature = primary.kept_signature();
  mirror->io_thread = static_cast<std::uint32_t>(io_thread);
  mirror->charged_bytes = bytes;
  const bool is_pushed = port.out.push(std::move(mirror));
  PENSTOCK_CHECK(is_pushed);  // it has room for as many as may be under way
  port.has_pushed = true;
  return true;
}

// The blocks that it keeps alive. Tensors of one message, and answers of one batch, are parts of
// one block and come one after the other: it counts once.
std::size_t ShadowDesk::bytes_of(const Mirror& mirror, const std::byte*& last_block) {
  std::size_t bytes = 0;
  const auto add = [&](const std::vector<base::Tensor>& tensors) {
    for (const base::Tensor& tensor : tensors) {
      const base::Buffer& block = tensor.bytes.owner;
      if (!block || block.data() == last_block) continue;
      last_block = block.data();
      bytes += block.size();
    }
  };
  add(mirror.inputs);
  if (mirror.outputs) add(*mirror.outputs);
  return bytes;
}

void ShadowDesk::put_away(Port& port, std::unique_ptr<Mirror> mirror) {
  mirror->clear();
  if (port.spare.size() < kSpareMax) port.spare.push_back(std::move(mirror));
}

void ShadowDesk::flush(std::size_t io_thread) {
  Port& port = *ports_[io_thread];
  if (std::exchange(port.has_pushed, false)) wake();
  if (port.under_way == 0) return;
  std::unique_ptr<Mirror> mirror;
  while (port.home.pop(mirror)) {
    --port.under_way;
    port.bytes -= mirror->charged_bytes;
    put_away(port, std::move(mirror));
  }
  port.last_block = nullptr;  // the address may be another block's by the next pass
}

Nanos ShadowDesk::next_wake(std::size_t io_thread, Nanos now) const {
  return ports_[io_thread]->under_way == 0 ? base::kNever : now + kHomeLook;
}

// ---------------------------------------------------------------------------------------------
// On instance threads

void ShadowDesk::deliver(std::span<batching::Reply> replies) {
  while (!replies.empty()) {
    replies = replies.subspan(mailbox_.push_all(replies).taken);
    wake();
    if (!replies.empty()) std::this_thread::yield();
  }
}

// Each side exchanges the flag: whichever comes second sees what the first did before.
void ShadowDesk::wake() {
  if (is_asleep_.exchange(false)) waiting_.notify();
}

// ---------------------------------------------------------------------------------------------
// The desk

void ShadowDesk::run() {
  pthread_setname_np(pthread_self(), "penstock-shadow");
  base::become_least();
  while (!is_stopping_.load()) {
    if (pass()) continue;
    is_asleep_.exchange(true);
    if (pass()) {
      is_asleep_.store(false);
      continue;
    }
    pollfd readable{.fd = waiting_.fd(), .events = POLLIN, .revents = 0};
    ::poll(&readable, 1, -1);
    waiting_.clear();
  }
}

// False: there was nothing to do.
bool ShadowDesk::pass() {
  bool has_worked = collect();
  mailbox_.drain(replies_);
  for (batching::Reply& reply : replies_) finish(reply, false);
  has_worked = has_worked || !replies_.empty();
  replies_.clear();
  find_versions();
  for (const auto& line : lines_) has_worked = work(*line) || has_worked;
  std::erase_if(lines_, [](const std::unique_ptr<Line>& line) {
    return line->waiting.empty() && line->in_flight == 0;
  });
  return has_worked;
}

bool ShadowDesk::collect() {
  bool has_any = false;
  std::unique_ptr<Mirror> mirror;
  for (const auto& port : ports_) {
    while (port->out.pop(mirror)) {
      has_any = true;
      Line& line = line_of(mirror->shadow);
      if (line.waiting.size() == kShadowLineMax) {
        drop(std::move(mirror), ShadowDrop::kBusy);
      } else {
        line.waiting.push_back(std::move(mirror));
      }
    }
  }
  return has_any;
}

ShadowDesk::Line& ShadowDesk::line_of(const std::shared_ptr<Shadow>& shadow) {
  const auto found = std::ranges::find(lines_, shadow, &Line::shadow);
  if (found != lines_.end()) return **found;
  lines_.push_back(std::make_unique<Line>());
  lines_.back()->shadow = shadow;
  return *lines_.back();
}

// Holds the version of every line that has something for it, and lets go of the table: a model that
// takes long to execute here must not keep others from being unloaded.
void ShadowDesk::find_versions() {
  if (std::ranges::all_of(lines_, [](const auto& line) { return line->waiting.empty(); })) return;
  const VersionTable& table = versions_.look(address());
  for (const auto& line : lines_) {
    if (line->waiting.empty()) continue;
    const ShadowOptions& wanted = line->shadow->options();
    const auto version = table.find(wanted.model, wanted.version);
    if (!version) continue;
    line->share = &(*version)->desk_share();
    line->share->hold();
  }
  versions_.leave(address());
}

bool ShadowDesk::work(Line& line) {
  if (line.waiting.empty()) return false;
  if (line.share == nullptr) {
    while (!line.waiting.empty()) drop(take_first(line), ShadowDrop::kMissing);
    return true;
  }
  const bool has_worked =
      line.share->version->lane() == Lane::kInline ? run_inline(line) : enqueue(line);
  std::exchange(line.share, nullptr)->release();
  return has_worked;
}

std::unique_ptr<Mirror> ShadowDesk::take_first(Line& line) {
  std::unique_ptr<Mirror> mirror = std::move(line.waiting.front());
  line.waiting.pop_front();
  return mirror;
}

// The line's first copy as a ticket of its version; null: the version does not take it.
std::unique_ptr<Ticket> ShadowDesk::take_off(Line& line, Nanos now) {
  std::unique_ptr<Mirror> mirror = take_first(line);
  auto ticket = std::make_unique<Ticket>();
  if (!bind_mirror(*mirror, *line.share->version, *ticket)) {
    drop(std::move(mirror), ShadowDrop::kUnfit);
    return nullptr;
  }
  if (free_flights_.empty()) {
    free_flights_.push_back(static_cast<std::uint32_t>(flights_.size()));
    flights_.emplace_back();
  }
  const std::uint32_t place = free_flights_.back();
  free_flights_.pop_back();
  flights_[place] = {
      .mirror = std::move(mirror), .line = &line, .share = line.share, .number = next_number_++};
  line.share->hold();
  ++line.in_flight;
  ticket->reply = {.io_thread = address(),
                   .connection_slot = place,
                   .connection_id = flights_[place].number,
                   .stream_id = 0};
  ticket->arrived_ns = ticket->enqueued_ns = now;
  ticket->deadline_ns = base::after(now, kShadowPatience);
  return ticket;
}

bool ShadowDesk::run_inline(Line& line) {
  Version::IoShare& share = *line.share;
  const Nanos now = base::monotonic_now();
  while (!line.waiting.empty() && tickets_.size() < kInlineTicketsMax) {
    if (auto ticket = take_off(line, now)) tickets_.push_back(std::move(ticket));
  }
  std::span<std::unique_ptr<Ticket>> rest = tickets_;
  while (!rest.empty()) {
    const std::size_t count = batching::cut_front(rest, share.version->inline_rows_max());
    const long interruptions_before = interruptions();
    share.version->run_inline(share, rest.first(count), inline_replies_, base::monotonic_now());
    const bool was_interrupted = interruptions() != interruptions_before;
    // Whoever lets go last frees: that is to be the io thread, once the copy is at home.
    for (const auto& ticket : rest.first(count)) ticket->inputs.clear();
    for (batching::Reply& reply : inline_replies_) finish(reply, was_interrupted);
    inline_replies_.clear();
    rest = rest.subspan(count);
  }
  tickets_.clear();
  return true;
}

// True: something left the line.
bool ShadowDesk::enqueue(Line& line) {
  const std::size_t before = line.waiting.size();
  const Nanos now = base::monotonic_now();
  while (!line.waiting.empty() && line.in_flight < kShadowInFlightMax) {
    auto ticket = take_off(line, now);
    if (ticket == nullptr) continue;
    const std::uint32_t place = ticket->reply.connection_slot;
    if (line.share->version->batcher().enqueue(std::move(ticket), now)) continue;
    drop(land(place), ShadowDrop::kRefused);
  }
  return line.waiting.size() != before;
}

// The copy in `place` is no longer under way: gives it back, and its place.
std::unique_ptr<Mirror> ShadowDesk::land(std::uint32_t place) {
  Flight flight = std::exchange(flights_[place], {});
  free_flights_.push_back(place);
  --flight.line->in_flight;
  flight.share->release();
  return std::move(flight.mirror);
}

void ShadowDesk::finish(batching::Reply& reply, bool was_interrupted) {
  const std::uint32_t place = reply.address.connection_slot;
  PENSTOCK_CHECK(place < flights_.size() && flights_[place].number == reply.address.connection_id);
  const Flight& flight = flights_[place];
  batching::Outcome& outcome = reply.outcome;
  if (outcome.batch_rows == 0) return drop(land(place), ShadowDrop::kRefused);
  const Version& version = *flight.share->version;
  if (outcome.outputs && version.reshaping()) {
    auto shown = model::reshape_outputs(*version.reshaping(),
                                        version.signature().batch_rows_max > 0, *outcome.outputs);
    if (!shown) outcome.outputs = std::unexpected(std::move(shown).error());
  }
  const bool has_time =
      !was_interrupted && is_comparable(outcome.batch_rows, flight.mirror->batch_rows);
  flight.line->shadow->record({.mirror = *flight.mirror,
                               .signature = version.signature(),
                               .outputs = outcome.outputs,
                               .compute_ns = has_time ? outcome.compute_infer_ns : 0},
                              base::monotonic_now());
  if (outcome.outputs) outcome.outputs->clear();  // they may share the bytes of an input
  send_home(land(place));
}

void ShadowDesk::drop(std::unique_ptr<Mirror> mirror, ShadowDrop reason) {
  mirror->shadow->record_dropped(reason);
  send_home(std::move(mirror));
}

void ShadowDesk::send_home(std::unique_ptr<Mirror> mirror) {
  mirror->shadow.reset();  // the last to hold one takes it apart, and that must be no io thread
  base::Ring<std::unique_ptr<Mirror>>& home = ports_[mirror->io_thread]->home;
  const bool is_pushed = home.push(std::move(mirror));
  PENSTOCK_CHECK(is_pushed);  // it has room for as many as may be under way
}

}  // namespace penstock::serving
