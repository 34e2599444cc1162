// SPDX-License-Identifier: Apache-2.0
#include "http1/session.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "http1/exchange.h"
#include "http1/intake.h"
#include "http1/refusal.h"

namespace penstock::http1 {
namespace {

using Kind = http::Event::Kind;

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace

struct Session::State {
  State(const Limits& given_limits, Workspace& shared)
      : limits(given_limits), work(shared), intake(limits, work) {}

  const Limits limits;
  Workspace& work;
  Intake intake;
  std::vector<std::unique_ptr<Exchange>> live;  // in the order of the requests; ids are neighbours
  std::vector<http::Event> late;                // what happened outside of feed()
  std::string waiting;                          // input behind as many requests as may be open
  std::int32_t next_id = 1;
  std::int32_t incoming_id = 0;  // of the request whose body arrives; 0: none
  bool incoming_is_last = false;
  std::uint64_t discarded_bytes = 0;          // of that body, after its answer
  std::size_t stream_unopened_bytes = 0;      // of that body, given to the owner and not given back
  std::size_t connection_unopened_bytes = 0;  // the same, of all
  std::size_t unsent_bytes = 0;
  base::Nanos now = 0;
  base::Nanos head_since_ns = base::kNever;
  bool is_reading = true;      // false: whatever else the peer sends is thrown away
  bool is_retiring = false;    // the last answer there is says that it is the last
  bool is_draining = false;    // and nothing is awaited
  bool asks_for_life = false;  // by a "100 Continue"
  bool is_feeding = false;

  Exchange* find(std::int32_t id) const {
    if (live.empty() || id < live.front()->id() || id > live.back()->id()) return nullptr;
    Exchange* const found = live[static_cast<std::size_t>(id - live.front()->id())].get();
    return found->is_told() ? found : nullptr;
  }
  Exchange* find_unended(std::int32_t id) const {
    Exchange* const found = find(id);
    return found == nullptr || found->is_ended() ? nullptr : found;
  }
  void push(const http::Event& event) { (is_feeding ? work.events : late).push_back(event); }
  bool must_wait() const { return live.size() >= limits.open_requests_max; }

  void begin_events();
  void end_events();
  void read(std::span<const std::byte> input);
  void on_head();
  void on_data();
  void on_end();
  void on_refused();
  void stop_reading();

  Exchange& open_exchange();
  void forget_first();
  void forget_after(const Exchange& exchange);
  void finish();
  bool is_last_word(const Exchange& exchange) const;
  void frame_head(Exchange& exchange, http::Output& output);
  bool frame_first(http::Output& output);
};

// ---------------------------------------------------------------------------------------------
// What the peer does

void Session::State::begin_events() {
  work.text.forget();
  work.fields.clear();
  work.heads.clear();
  work.viewed.clear();
  work.events.assign(late.begin(), late.end());
  late.clear();
  is_feeding = true;
}

void Session::State::end_events() {
  is_feeding = false;
  for (const Workspace::Head& head : work.heads) {
    work.events[head.event].fields =
        std::span(work.fields).subspan(head.begin, head.end - head.begin);
  }
  if (!is_reading || !intake.is_within_head()) {
    head_since_ns = base::kNever;
  } else if (head_since_ns == base::kNever) {
    head_since_ns = now;
  }
}

void Session::State::read(std::span<const std::byte> input) {
  while (is_reading) {
    if (intake.is_between_requests() && must_wait()) {
      waiting = text_of(input);
      return;
    }
    switch (intake.next(input)) {
      case Intake::Step::kMore: return;
      case Intake::Step::kHead: on_head(); break;
      case Intake::Step::kData: on_data(); break;
      case Intake::Step::kEnd: on_end(); break;
      case Intake::Step::kRefused: on_refused(); break;
    }
  }
}

void Session::State::on_head() {
  Exchange& exchange = open_exchange();
  exchange.begin_request(next_id++, intake.facts());
  incoming_id = exchange.id();
  incoming_is_last = intake.facts().wants_close;
  discarded_bytes = 0;
  head_since_ns = base::kNever;
  work.heads.push_back({work.events.size(), intake.fields_begin(), work.fields.size()});
  push({.kind = Kind::kRequest, .stream_id = incoming_id});
}

void Session::State::on_data() {
  Exchange* const exchange = find_unended(incoming_id);
  const std::span<const std::byte> data = intake.data();
  if (exchange == nullptr) {
    discarded_bytes += data.size();
    if (discarded_bytes > limits.discarded_bytes_max) stop_reading();
    return;
  }
  exchange->expects_continue = false;
  stream_unopened_bytes += data.size();
  connection_unopened_bytes += data.size();
  push({.kind = Kind::kData, .stream_id = incoming_id, .data = data});
}

void Session::State::on_end() {
  bool is_last = incoming_is_last || is_draining;
  if (Exchange* const exchange = find(incoming_id)) {
    exchange->expects_continue = false;
    exchange->is_request_over = true;
    is_last = is_last || (exchange->is_head_framed() && exchange->closes());
    if (!exchange->is_ended()) push({.kind = Kind::kEnd, .stream_id = incoming_id});
  }
  incoming_id = 0;
  stream_unopened_bytes = 0;
  if (incoming_is_last) push({.kind = Kind::kGoaway});
  if (is_last) stop_reading();
}

void Session::State::on_refused() {
  Exchange* exchange = find(incoming_id);
  const bool is_of_body = incoming_id != 0;
  stop_reading();
  if (exchange == nullptr) {
    if (is_of_body) return;  // and its answer has been sent
    exchange = &open_exchange();
    push({.kind = Kind::kStreamClosed, .stream_id = next_id, .error_code = kProtocolError});
    exchange->refuse(next_id++, intake.refusal());
    unsent_bytes += exchange->unsent_bytes();
    return;
  }
  if (exchange->is_ended()) return;
  push({.kind = Kind::kStreamClosed, .stream_id = exchange->id(), .error_code = kProtocolError});
  if (exchange->has_begun()) {
    unsent_bytes -= exchange->drop_data();
    return exchange->cut();
  }
  exchange->refuse(exchange->id(), intake.refusal());
  unsent_bytes += exchange->unsent_bytes();
}

// The connection ends when the answers to what was read are sent.
void Session::State::stop_reading() {
  is_reading = false;
  head_since_ns = base::kNever;
  incoming_id = 0;
  waiting = std::string();
  intake.stop();
}

// ---------------------------------------------------------------------------------------------
// What this side does

Exchange& Session::State::open_exchange() {
  if (work.spare_exchanges.empty()) return *live.emplace_back(std::make_unique<Exchange>());
  live.push_back(std::move(work.spare_exchanges.back()));
  work.spare_exchanges.pop_back();
  return *live.back();
}

void Session::State::forget_first() {
  unsent_bytes -= live.front()->drop_data();
  if (work.spare_exchanges.size() < Workspace::kSpareExchangesMax) {
    work.spare_exchanges.push_back(std::move(live.front()));
  }
  live.erase(live.begin());
}

// Whoever asked for what comes after it will have to ask again.
void Session::State::forget_after(const Exchange& exchange) {
  while (live.back().get() != &exchange) {
    const Exchange& last = *live.back();
    if (last.is_told() && !last.is_ended()) {
      push({.kind = Kind::kStreamClosed, .stream_id = last.id(), .error_code = kCancel});
    }
    unsent_bytes -= live.back()->drop_data();
    live.pop_back();
  }
}

// The first answer was the connection's last.
void Session::State::finish() {
  forget_after(*live.front());
  const Exchange& first = *live.front();
  if (first.is_told() && !first.is_ended()) {
    push({.kind = Kind::kStreamClosed, .stream_id = first.id(), .error_code = kCancel});
  }
  forget_first();
  stop_reading();
}

// Whether the peer is to be told that it can send no other request behind this answer.
bool Session::State::is_last_word(const Exchange& exchange) const {
  if (exchange.closes()) return true;
  if (exchange.expects_continue) return true;  // and it may send the body or not: who knows
  if (exchange.is_ended() && exchange.id() == incoming_id &&
      intake.body_bytes_left() > limits.discarded_bytes_max) {
    return true;
  }
  return &exchange == live.back().get() && (!is_reading || is_retiring);
}

void Session::State::frame_head(Exchange& exchange, http::Output& output) {
  const bool is_last = is_last_word(exchange);
  exchange.frame_head(output, work.date.text(), is_last);
  if (!is_last) return;
  forget_after(exchange);
  // The rest of its own body still comes.
  if (exchange.id() != incoming_id) stop_reading();
}

// False: it has to wait, for the owner or for room.
bool Session::State::frame_first(http::Output& output) {
  Exchange& first = *live.front();
  if (first.is_cut() && !first.is_head_framed()) {
    finish();
    return false;
  }
  if (!first.has_begun()) {
    const bool asks = std::exchange(asks_for_life, false);
    if (std::exchange(first.expects_continue, false) || asks) output.append(bytes_of(kContinue));
    return false;
  }
  if (!first.is_head_framed()) frame_head(first, output);
  const std::size_t framed = first.frame_body(output, limits.output_bytes_max);
  unsent_bytes -= framed;
  if (first.is_cut()) {
    finish();
    return false;
  }
  if (!first.is_ended() && framed > 0 && first.unsent_bytes() == 0) {
    push({.kind = Kind::kBodyFramed, .stream_id = first.id()});
  }
  if (!first.is_framed()) return false;
  const bool is_abandoned =
      first.id() == incoming_id && intake.body_bytes_left() > limits.discarded_bytes_max;
  if (first.closes() || is_abandoned) {
    finish();
    return false;
  }
  forget_first();
  return true;
}

// ---------------------------------------------------------------------------------------------
// The face

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::~Session() = default;

base::Result<std::unique_ptr<Session>> Session::open(const Limits& limits, Workspace& workspace) {
  return std::unique_ptr<Session>(new Session(std::make_unique<State>(limits, workspace)));
}

base::Result<std::span<const http::Event>> Session::feed(std::span<const std::byte> input,
                                                         base::Nanos now) {
  State& state = *state_;
  state.now = now;
  if (state.is_reading && !state.waiting.empty()) {
    if (state.waiting.size() + input.size() > state.limits.buffered_bytes_max) {
      state.stop_reading();
      return base::fail(base::Code::kResourceExhausted,
                        "more requests were sent than wait for their answers");
    }
    state.waiting.append(text_of(input));
    return take_late_events();
  }
  state.begin_events();
  state.read(input);
  state.end_events();
  return std::span<const http::Event>(state.work.events);
}

void Session::send_headers(std::int32_t stream_id, std::span<const http::Field> fields,
                           bool is_last) {
  Exchange* const exchange = state_->find_unended(stream_id);
  if (exchange == nullptr || exchange->has_begun()) return;
  exchange->begin_answer(fields, is_last);
}

void Session::send_data(std::int32_t stream_id, base::Slice bytes) {
  Exchange* const exchange = state_->find_unended(stream_id);
  if (exchange == nullptr || !exchange->has_begun() || bytes.bytes.empty()) return;
  const std::size_t added = exchange->add_data(std::move(bytes));
  state_->unsent_bytes += added;
  // An answer without a body has room for all of it.
  if (added == 0) state_->push({.kind = Kind::kBodyFramed, .stream_id = stream_id});
}

void Session::drop_data(std::int32_t stream_id) {
  Exchange* const exchange = state_->find(stream_id);
  if (exchange != nullptr) state_->unsent_bytes -= exchange->drop_data();
}

void Session::send_trailers(std::int32_t stream_id, std::span<const http::Field> fields) {
  Exchange* const exchange = state_->find_unended(stream_id);
  if (exchange == nullptr) return;
  if (!exchange->has_begun()) return reset_stream(stream_id, kCancel);
  exchange->end_answer(fields);
}

void Session::reset_stream(std::int32_t stream_id, std::uint32_t) {
  State& state = *state_;
  Exchange* const exchange = state.find_unended(stream_id);
  if (exchange == nullptr) return;
  state.unsent_bytes -= exchange->drop_data();
  exchange->cut();
  state.forget_after(*exchange);
  state.stop_reading();
}

void Session::reopen_connection(std::size_t bytes) {
  std::size_t& unopened = state_->connection_unopened_bytes;
  unopened -= std::min(unopened, bytes);
}

void Session::reopen_stream(std::int32_t stream_id, std::size_t bytes) {
  if (stream_id != state_->incoming_id) return;
  std::size_t& unopened = state_->stream_unopened_bytes;
  unopened -= std::min(unopened, bytes);
}

void Session::submit_goaway(std::uint32_t, std::string_view) {
  State& state = *state_;
  state.is_retiring = state.is_draining = true;
  const bool is_coming = state.find(state.incoming_id) != nullptr || state.intake.is_within_head();
  if (!is_coming) state.stop_reading();
}

void Session::retire() { state_->is_retiring = true; }

bool Session::end_input() {
  State& state = *state_;
  const bool is_whole = !state.is_reading || state.intake.is_between_requests();
  if (!is_whole || state.live.empty() || state.live.front()->is_http10()) return false;
  state.stop_reading();
  state.asks_for_life = true;
  return true;
}

base::Result<> Session::take_output(http::Output& output) {
  State& state = *state_;
  while (!state.live.empty() && output.size() < state.limits.output_bytes_max) {
    if (!state.frame_first(output)) break;
  }
  return {};
}

std::span<const http::Event> Session::take_late_events() {
  State& state = *state_;
  const bool reads_on = state.is_reading && !state.waiting.empty() && !state.must_wait();
  if (state.late.empty() && !reads_on) return {};
  state.begin_events();
  if (reads_on) {
    state.work.viewed = std::exchange(state.waiting, std::string());
    state.read(bytes_of(state.work.viewed));
  }
  state.end_events();
  return state.work.events;
}

bool Session::wants_input() const {
  const State& state = *state_;
  // What is thrown away needs no room.
  return !state.is_reading ||
         (state.waiting.empty() && state.stream_unopened_bytes < state.limits.stream_window_bytes &&
          state.connection_unopened_bytes < state.limits.connection_window_bytes);
}

bool Session::wants_write() const {
  if (state_->live.empty()) return false;
  const Exchange& first = *state_->live.front();
  if (!first.has_begun()) {
    return first.expects_continue || state_->asks_for_life || first.is_cut();
  }
  return !first.is_head_framed() || first.is_ended() || first.unsent_bytes() > 0;
}

bool Session::is_finished() const { return !state_->is_reading && state_->live.empty(); }

std::size_t Session::open_streams() const { return state_->live.size(); }

std::size_t Session::unsent_bytes() const { return state_->unsent_bytes; }

bool Session::is_greeted() const { return state_->next_id > 1; }

base::Nanos Session::header_block_since_ns() const { return state_->head_since_ns; }

}  // namespace penstock::http1
