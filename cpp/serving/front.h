// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/channel.h"
#include "base/clock.h"
#include "base/timer_wheel.h"
#include "batching/ticket.h"
#include "grpc/method.h"
#include "grpc/request_head.h"
#include "grpc/status.h"
#include "http/event.h"
#include "http/session.h"
#include "rest/status.h"
#include "serving/asleep.h"
#include "serving/bridge.h"
#include "serving/call.h"
#include "serving/call_table.h"
#include "serving/health.h"
#include "serving/route_table.h"
#include "serving/server_state.h"
#include "serving/shared_tensors.h"
#include "serving/version_table.h"
#include "telemetry/server_metrics.h"
#include "wire/infer_codec.h"
#include "wire/json_infer_encode.h"
#include "wire/json_scratch.h"
#include "wire/v2_messages.h"

namespace penstock::drift {
class Aggregator;
}  // namespace penstock::drift

namespace penstock::serving {

class ShadowDesk;

// What the calls of a connection are.
enum class Protocol : std::uint8_t { kGrpc, kRest };

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
// Calls that are not inference are answered here (what the server says of itself), or handed to
// the control thread over the Bridge (hosted services).
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
    PublishedRoutes* routes = nullptr;
    Mailbox* mailbox = nullptr;
    Bridge* bridge = nullptr;
    Wakes* wakes = nullptr;
    memory::RegionTable* regions = nullptr;  // null: clients may not share memory
    ShadowDesk* shadows = nullptr;           // null: no request is mirrored
    drift::Aggregator* drift = nullptr;      // null: no rows are counted
    telemetry::ServerShard* metrics = nullptr;
    std::function<void(std::uint32_t slot)> touch;  // this session has something to write
    // The other end of this connection, as gRPC writes it.
    std::function<std::string(std::uint32_t slot)> peer_of_slot;
  };

  explicit Front(Context context);
  Front(const Front&) = delete;
  Front& operator=(const Front&) = delete;
  ~Front();

  void opened(std::uint32_t slot, std::uint64_t id, Protocol protocol, http::Session& session);
  void received(std::uint32_t slot, std::span<const http::Event> events, base::Nanos now);
  void closed(std::uint32_t slot);
  // The server ends its connections: calls that could go on for ever must not hold them open.
  void end_connections(base::Nanos now);
  void finish_pass(base::Nanos now);
  // What came after the last pass, in late events of a session, does not wait for another.
  base::Nanos next_wake(base::Nanos now) {
    return gathering_.empty() ? timers_.next_expiry(now) : now;
  }

 private:
  struct Peer {
    std::uint64_t id = 0;
    Protocol protocol = Protocol::kGrpc;
    http::Session* session = nullptr;  // null: no such connection
    std::size_t charged_bytes = 0;     // of its calls together
    std::size_t unsent_bytes = 0;      // of its answers, when last looked at
    CallTable calls;
  };

  // front.cc: events -> calls
  void on_request(Peer& peer, std::uint32_t slot, const http::Event& event, base::Nanos now);
  void on_data(Peer& peer, const http::Event& event);
  void on_end(Peer& peer, std::int32_t stream_id, base::Nanos now);
  void on_stream_closed(Peer& peer, std::int32_t stream_id, base::Nanos now);
  void on_body_framed(Peer& peer, std::int32_t stream_id);
  void on_timer(Call& call, base::Nanos now);
  bool charge(Call& call, std::size_t bytes);
  bool charge_body(Call& call, std::size_t bytes) {
    return charge(call, bytes + call.forwarded.bytes);
  }
  bool has_room(const Peer& peer, std::size_t more = 0) const;
  bool has_room_for_answer(const Call& call, std::size_t bytes);
  base::Error too_many_bytes() const;
  void count_unsent(Peer& peer);
  void count_all_unsent();
  Call& open_call(Peer& peer, std::uint32_t slot, std::int32_t stream_id);
  void let_go(Call& call, const base::Error& end);
  void free_call(Call& call, const base::Error& end = {base::Code::kOk, {}});
  Call* find_call(const batching::ReplyAddress& address);
  Peer& peer_of(const Call& call) { return peers_[call.connection_slot]; }

  // answer.cc: the ends of a call
  void answer(Call& call, wire::EncodedMessage& message,
              std::span<const http::Field> trailers = grpc::ok_trailers());
  bool answer_plain(Call& call, const http::Event& request);
  void answer_small(Call& call, std::string_view message,
                    std::span<const http::Field> trailers = grpc::ok_trailers());
  static base::Slice framed_message(std::string_view message);
  void refuse(Call& call, const base::Error& error);

  // rest.cc: the same for REST
  void on_rest_request(Peer& peer, std::uint32_t slot, const http::Event& event, base::Nanos now);
  void on_rest_data(Call& call, std::span<const std::byte> data);
  void on_rest_end(Call& call, base::Nanos now);
  void dispatch_rest(Call& call, base::Nanos now);
  void answer_rest_flag(Call& call, std::string_view what, bool is_so);
  void answer_rest_ready(Call& call);
  void answer_rest_server(Call& call);
  void answer_rest_model(Call& call);
  base::Result<> decode_rest(Call& call);
  void place_outputs(Call& call, const base::Signature& signature);

  // rest_answer.cc: the ends of a call that came as REST
  void answer_rest(Call& call, int status, std::span<const http::Field> fields,
                   const base::Error& end);
  void answer_rest_text(Call& call, int status, std::string_view json,
                        const base::Error& end = {base::Code::kOk, {}},
                        std::span<const http::Field> more = {});
  base::Result<> encode_rest_answer(Call& call, const Version& version);
  void answer_rest_inference(Call& call);
  void refuse_rest(Call& call, int status, const base::Error& error,
                   std::span<const http::Field> more = {});
  void refuse_rest(Call& call, const rest::Refusal& refusal) {
    refuse_rest(call, refusal.status, refusal.error);
  }
  void begin_hosted_rest(Call& call);
  void take_rest_command(Call& call, HostedCommand& command);
  void send_hosted_rest(Call& call, const base::Slice& message);

  // control.cc: every unary method but ModelInfer and health
  void answer_control(Call& call);
  void answer_model_ready(Call& call);
  void answer_model_metadata(Call& call);
  void answer_server_metadata(Call& call);

  // health_calls.cc
  HealthView health_view();
  void answer_health(Call& call);
  void begin_watch(Call& call, std::string_view service);
  void tell_watch(Call& call, wire::ServingStatus status);
  void look_at_health();
  void forget_watch(const Call& call);
  void end_watch(Call& call);

  // hosted.cc: what the control thread answers
  bool open_hosted(Call& call, std::string path, Metadata metadata, grpc::EncodingSet accepted);
  void begin_hosted(Call& call, const grpc::RequestHead& head);
  void on_hosted_data(Call& call, std::span<const std::byte> data);
  base::Result<> read_hosted(Call& call, std::span<const std::byte>& data);
  base::Result<> charge_hosted(Call& call);
  base::Result<> tell_message(Call& call);
  void on_hosted_end(Call& call);
  void tell_half_close(Call& call);
  void finish_commands();
  void send_hosted_headers(Call& call, const HostedCommand& command);
  void send_hosted_message(Call& call, HostedCommand& command);
  void resume_hosted(Call& call, const HostedCommand& command);
  void finish_hosted(Call& call, const HostedCommand& command);
  void on_hosted_timer(Call& call, base::Nanos now);
  void limit_hosted(Call& call);
  void end_hosted(Call& call, const base::Error& end);

  // asleep.cc: versions that must be loaded first
  base::Result<> park_or(Call& call, const VersionTable& table, std::string_view model,
                         std::string_view version, base::Error otherwise);
  void unpark(Call& call);
  void look_at_parked(base::Nanos now);
  void dispatch(Call& call, base::Nanos now);

  // routed.cc: models that are routes
  Target representative(std::string_view model, std::string_view version);
  void keep_headers(Call& call, std::span<const http::Field> fields);
  base::Result<> route(Call& call, const VersionTable& table, Target& target);
  static bool is_there(const VersionTable& table, const routing::Arm& arm);
  std::string_view fresh_key();
  void keep_inputs(Call& call, const batching::Ticket& ticket);
  void begin_routed(Call& call, batching::Ticket& ticket);
  Observation observation_of(const Call& call, base::Nanos now) const;
  Version* observe(Call& call, const batching::Outcome& outcome, base::Nanos now);
  void observe_timeout(Call& call, base::Nanos now);
  void observe_gone(Call& call, base::Nanos now);
  void observe_slow(Call& call, base::Nanos now);
  Version* find_stable(const Call& call);
  void retry_on(Version& stable, Call& call, base::Nanos now);
  void make_mirrors(const Call& call, const batching::Outcome& outcome);
  void offer_mirrors(const Version& primary);

  // watched.cc: rows that are counted
  void keep_watched(Call& call, const drift::Tap& tap, const batching::Ticket& ticket);
  WatchedOutcome offer_watched(Call& call, const Version& version,
                               const batching::Outcome& outcome);
  void commit_watched(const WatchedOutcome& watched);

  // infer.cc: ModelInfer
  void start_inference(Call& call, base::Nanos now);
  base::Result<> decode(Call& call);
  base::Result<> accept(Call& call, base::Nanos now);
  base::Result<> bind_wishes(Call& call, Version& version, batching::Ticket& ticket,
                             base::Nanos now);
  base::Result<> take_shared_inputs(Call& call);
  base::Result<> send(Call& call, std::unique_ptr<batching::Ticket> ticket, base::Nanos now);
  base::Result<> enqueue(Call& call, std::unique_ptr<batching::Ticket> ticket, base::Nanos now);
  void set_timer(Call& call);
  void cancel(Call& call, base::Nanos now);
  void abandon(Call& call);
  void leave_version(Call& call);
  void finish_replies(base::Nanos now);
  static std::string_view name_in_answer(const Call& call, const Version& version);
  static std::string_view arm_in_answer(const Call& call);
  base::Result<> encode_answer(Call& call, const Version& version);
  void finish_inference(Call& call, batching::Outcome& outcome, base::Nanos now);
  void answer_inference(Call& call, batching::Outcome& outcome, base::Nanos now);
  void run_inline_lane(base::Nanos now);
  void run_gathered(Version::IoShare& share, base::Nanos start);
  void drop_expired(std::vector<std::unique_ptr<batching::Ticket>>& tickets, base::Nanos now);

  const Context context_;
  const std::optional<base::NamePattern> grpc_forwarding_;  // of request headers to models
  const std::optional<base::NamePattern> rest_forwarding_;
  base::TimerWheel timers_;
  std::vector<Peer> peers_;                   // by connection slot
  std::vector<std::unique_ptr<Call>> calls_;  // all ever made; those not in use are in spare_
  std::vector<Call*> spare_;
  std::size_t inflight_bytes_ = 0;
  std::size_t unsent_bytes_ = 0;     // the sum of the peers'
  bool has_counted_unsent_ = false;  // of every peer, in this pass
  std::unordered_map<HostedCallId, Call*> hosted_;
  std::uint64_t next_hosted_ = 0;
  std::vector<Call*> watching_;
  std::vector<Call*> parked_;
  std::uint64_t parked_seen_ = 0;  // the number of the table that they were last held against
  HealthStamp health_stamp_;
  base::Nanos draining_until_ns_ = base::kNever;  // kNever: connections are not being ended

  // What makes keys of requests that bring none: no two of them are alike, in all servers.
  struct FreshKey {
    std::uint64_t seed = 0;
    std::uint64_t count = 0;
  };
  FreshKey fresh_key_;
  std::uint64_t nonce_ = 0;  // of the last request that may be mirrored, or watched

  // Kept between requests for their memory.
  wire::InferRequest request_;
  wire::EncodedMessage encoded_;
  std::vector<wire::InferOutput> outputs_;
  std::vector<SharedInput> shared_inputs_;
  std::vector<batching::Reply> replies_;
  std::vector<std::unique_ptr<Mirror>> mirrors_;  // of the request being answered
  std::vector<HostedCommand> commands_;
  wire::JsonScratch json_;
  std::vector<wire::JsonOutput> json_outputs_;
  std::vector<std::array<wire::Parameter, 3>> json_places_;  // of those in shared memory
  std::vector<http::Field> rest_fields_;
  std::vector<http::Field> rest_extra_;
  std::string path_scratch_;
  std::string key_scratch_;
  std::vector<std::unique_ptr<batching::Ticket>> spare_tickets_;
  std::vector<Version::IoShare*> gathering_;  // versions with tickets for the inline lane
};

}  // namespace penstock::serving
