// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/channel.h"
#include "base/clock.h"
#include "base/timer_wheel.h"
#include "batching/ticket.h"
#include "grpc/method.h"
#include "grpc/status.h"
#include "http2/event.h"
#include "http2/session.h"
#include "serving/call.h"
#include "serving/call_table.h"
#include "serving/server_state.h"
#include "serving/version_table.h"
#include "telemetry/server_metrics.h"
#include "wire/infer_codec.h"
#include "wire/v2_messages.h"

namespace penstock::serving {

// Answers from instance threads on their way to one io thread.
using Mailbox = base::Channel<batching::Reply>;

// THE WAY OF A REQUEST, on one io thread: events of its connections in, answers into their
// sessions. The steps are those of ARCHITECTURE.md:
//
//   received()  headers -> Call; DATA -> message; message -> InferRequest -> bind -> Ticket
//               -> gathered for the inline lane | enqueued on the batch lane
//   finish_pass()  replies of the batch lane, deadlines, then the inline lane's batches
//               -> answers: tensors -> message -> frame + trailers -> Session
//
// Knows connections by slot and id only. Whoever owns them calls touch() for sessions to be
// written.
class Front {
 public:
  struct Context {
    std::size_t io_thread = 0;
    const FrontOptions* options = nullptr;
    const ServerIdentity* identity = nullptr;
    const Readiness* readiness = nullptr;
    PublishedVersions* versions = nullptr;
    Mailbox* mailbox = nullptr;
    telemetry::ServerShard* metrics = nullptr;
    std::function<void(std::uint32_t slot)> touch;  // this session has something to write
  };

  explicit Front(Context context);
  Front(const Front&) = delete;
  Front& operator=(const Front&) = delete;
  ~Front();

  void opened(std::uint32_t slot, std::uint64_t id, http2::Session& session);
  void received(std::uint32_t slot, std::span<const http2::Event> events, base::Nanos now);
  void closed(std::uint32_t slot);
  void finish_pass(base::Nanos now);
  base::Nanos next_wake(base::Nanos now) { return timers_.next_expiry(now); }

 private:
  struct Peer {
    std::uint64_t id = 0;
    http2::Session* session = nullptr;  // null: no such connection
    std::size_t unsent_bytes = 0;       // of its answers, when last looked at
    CallTable calls;
  };

  // front.cc: events -> calls
  void on_request(Peer& peer, std::uint32_t slot, const http2::Event& event, base::Nanos now);
  void on_data(Peer& peer, const http2::Event& event);
  void on_end(Peer& peer, std::int32_t stream_id, base::Nanos now);
  void on_stream_closed(Peer& peer, std::int32_t stream_id);
  void on_timer(Call& call, base::Nanos now);
  bool charge(Call& call, std::size_t bytes);
  void count_unsent(Peer& peer);
  bool reads_its_answers(Peer& peer);
  Call& open_call(Peer& peer, std::uint32_t slot, std::int32_t stream_id);
  void free_call(Call& call);
  Call* find_call(const batching::ReplyAddress& address);
  Peer& peer_of(const Call& call) { return peers_[call.connection_slot]; }

  // answer.cc: the ends of a call
  void answer(Call& call, wire::EncodedMessage& message,
              std::span<const http2::Field> trailers = grpc::ok_trailers());
  bool answer_plain(Call& call, const http2::Event& request);
  void answer_small(Call& call, std::string_view message,
                    std::span<const http2::Field> trailers = grpc::ok_trailers());
  void refuse(Call& call, const base::Error& error);

  // control.cc: every method but ModelInfer
  void answer_control(Call& call);
  void answer_model_ready(Call& call);
  void answer_model_metadata(Call& call);
  void answer_server_metadata(Call& call);
  void answer_health(Call& call);

  // infer.cc: ModelInfer
  void start_inference(Call& call, base::Nanos now);
  base::Result<> accept(Call& call, base::Nanos now);
  base::Result<> enqueue(Call& call, std::unique_ptr<batching::Ticket> ticket, base::Nanos now);
  void cancel(Call& call);
  void abandon(Call& call);
  void leave_version(Call& call);
  void finish_replies(base::Nanos now);
  void finish_inference(Call& call, batching::Outcome& outcome, base::Nanos now);
  void run_inline_lane(base::Nanos now);
  void run_gathered(Version::IoShare& share, base::Nanos start);
  void drop_expired(std::vector<std::unique_ptr<batching::Ticket>>& tickets, base::Nanos now);

  const Context context_;
  base::TimerWheel timers_;
  std::vector<Peer> peers_;                   // by connection slot
  std::vector<std::unique_ptr<Call>> calls_;  // all ever made; those not in use are in spare_
  std::vector<Call*> spare_;
  std::size_t inflight_bytes_ = 0;
  std::size_t unsent_bytes_ = 0;  // the sum of the peers'

  // Kept between requests for their memory.
  wire::InferRequest request_;
  wire::EncodedMessage encoded_;
  std::vector<wire::InferOutput> outputs_;
  std::vector<batching::Reply> replies_;
  std::vector<std::unique_ptr<batching::Ticket>> spare_tickets_;
  std::vector<Version::IoShare*> gathering_;  // versions with tickets for the inline lane
};

}  // namespace penstock::serving
