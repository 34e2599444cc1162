// SPDX-License-Identifier: Apache-2.0
// Calls that the control thread answers: what the peer does becomes HostedEvents, what the
// application says becomes frames.
#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "grpc/compression.h"
#include "grpc/metadata.h"
#include "serving/front.h"

namespace penstock::serving {
namespace {

using base::Code;
using base::Error;
using base::Nanos;

base::Result<Metadata> metadata_of(const grpc::RequestHead& head) {
  Metadata metadata;
  base::Result<> read;
  grpc::for_each_metadata(head.fields, [&](std::string_view name, std::string_view value) {
    if (!grpc::is_binary_metadata(name)) return void(metadata.emplace_back(name, value));
    auto values = grpc::decode_binary_metadata({name, value});
    if (!values) {
      if (read) read = std::unexpected(values.error());
      return;
    }
    for (std::string& one : *values) metadata.emplace_back(name, std::move(one));
  });
  if (!read) return std::unexpected(read.error());
  return metadata;
}

Error too_many_calls() {
  return {
      Code::kResourceExhausted,
      "as many calls of this server's services are open as --grpc-service-calls-max allows; try "
      "again"};
}

Error no_memory() { return {Code::kResourceExhausted, "no memory for the request's bytes"}; }

}  // namespace

// ---------------------------------------------------------------------------------------------
// Peer -> application

void Front::begin_hosted(Call& call, const grpc::RequestHead& head) {
  auto metadata = metadata_of(head);
  if (!metadata) return refuse(call, metadata.error());
  open_hosted(call, std::string(head.path), std::move(*metadata), head.accepted);
}

// Tells the application of a call; false: there are too many, and it was refused.
bool Front::open_hosted(Call& call, std::string path, Metadata metadata,
                        grpc::EncodingSet accepted) {
  Bridge& bridge = *context_.bridge;
  if (!bridge.admit()) {
    refuse(call, too_many_calls());
    return false;
  }
  call.hosted = std::make_unique<HostedCall>();
  call.hosted->id = hosted_call_id(context_.io_thread, next_hosted_++);
  hosted_.emplace(call.hosted->id, &call);
  if (draining_until_ns_ != base::kNever) limit_hosted(call);
  bridge.push({.kind = HostedEvent::Kind::kBegin,
               .call = call.hosted->id,
               .path = std::move(path),
               .metadata = std::move(metadata),
               .deadline_ns = call.deadline_ns,
               .peer = context_.peer_of_slot(call.connection_slot),
               .accepted = accepted});
  return true;
}

void Front::on_hosted_data(Call& call, std::span<const std::byte> data) {
  auto read = read_hosted(call, data);
  if (read && !data.empty()) {
    if (!call.hosted->keep_unparsed(data)) return refuse(call, no_memory());
  }
  if (read) read = charge_hosted(call);
  if (!read) refuse(call, read.error());
}

// Takes messages from the front of `data`, until the application has enough of them.
base::Result<> Front::read_hosted(Call& call, std::span<const std::byte>& data) {
  while (!data.empty() && !call.hosted->is_full()) {
    const std::size_t before = data.size();
    const base::Result<bool> is_complete = call.reader->read(data, call.message);
    if (!is_complete) return std::unexpected(is_complete.error());
    peer_of(call).session->reopen_stream(call.stream_id, before - data.size());
    if (!*is_complete) continue;
    if (auto told = tell_message(call); !told) return told;
  }
  return {};
}

base::Result<> Front::charge_hosted(Call& call) {
  if (charge(call, call.reader->held_bytes() + call.hosted->held_bytes())) return {};
  return std::unexpected(too_many_bytes());
}

base::Result<> Front::tell_message(Call& call) {
  HostedCall& hosted = *call.hosted;
  grpc::Message message = std::exchange(call.message, {});
  if (message.is_compressed) {
    auto plain = grpc::decompress(call.request_encoding, message.bytes.bytes,
                                  context_.options->message_bytes_max);
    if (!plain) return std::unexpected(plain.error());
    message.bytes = std::move(*plain);
  }
  ++hosted.unread_messages;
  hosted.unread_bytes += message.bytes.bytes.size();
  context_.bridge->push({.kind = HostedEvent::Kind::kMessage,
                         .call = hosted.id,
                         .message = std::move(message.bytes),
                         .was_compressed = message.is_compressed});
  return {};
}

void Front::on_hosted_end(Call& call) {
  call.hosted->is_ended_by_peer = true;
  if (call.hosted->unparsed.empty()) tell_half_close(call);
}

void Front::tell_half_close(Call& call) {
  if (const auto whole = call.reader->finish(); !whole) return refuse(call, whole.error());
  context_.bridge->push({.kind = HostedEvent::Kind::kHalfClose, .call = call.hosted->id});
}

void Front::on_body_framed(Peer& peer, std::int32_t stream_id) {
  Call* const call = peer.calls.find(stream_id);
  if (call == nullptr || call->hosted == nullptr) return;
  HostedCall& hosted = *call->hosted;
  if (hosted.untold_bytes < Bridge::kWrittenStepBytes) return;
  context_.bridge->push({.kind = HostedEvent::Kind::kWritten,
                         .call = hosted.id,
                         .bytes = std::exchange(hosted.untold_bytes, 0)});
}

// ---------------------------------------------------------------------------------------------
// Application -> peer

void Front::finish_commands() {
  context_.bridge->drain_commands(context_.io_thread, commands_);
  for (HostedCommand& command : commands_) {
    const auto found = hosted_.find(command.call);
    if (found == hosted_.end()) continue;  // the peer went away meanwhile
    Call& call = *found->second;
    if (call.is_rest) {
      take_rest_command(call, command);
      continue;
    }
    switch (command.kind) {
      case HostedCommand::Kind::kHeaders: send_hosted_headers(call, command); break;
      case HostedCommand::Kind::kMessage: send_hosted_message(call, command); break;
      case HostedCommand::Kind::kConsumed: resume_hosted(call, command); break;
      case HostedCommand::Kind::kFinish: finish_hosted(call, command); break;
    }
  }
  commands_.clear();
}

void Front::send_hosted_headers(Call& call, const HostedCommand& command) {
  if (call.has_sent_headers) return;
  call.hosted->encoding = command.encoding;
  call.has_sent_headers = true;
  grpc::FieldList fields;
  for (const http::Field& field : grpc::response_headers(command.encoding, call.request_encoding)) {
    fields.add_constant(field.name, field.value);
  }
  for (const auto& [name, value] : command.metadata) fields.add_metadata(name, value);
  peer_of(call).session->send_headers(call.stream_id, fields.fields(), false);
  context_.touch(call.connection_slot);
}

void Front::send_hosted_message(Call& call, HostedCommand& command) {
  if (!has_room_for_answer(call, command.message.bytes.size())) {
    return refuse(call, too_many_bytes());
  }
  if (!call.has_sent_headers) send_hosted_headers(call, {});
  HostedCall& hosted = *call.hosted;
  base::Slice& message = command.message;
  hosted.untold_bytes +=
      message.bytes.size() - grpc::kFramePrefixBytes + Bridge::kMessageOverheadBytes;
  base::Slice compressed;
  if (command.is_compressed) {
    compressed = grpc::compress_frame(hosted.encoding, grpc::CompressionLevel::kMedium,
                                      std::span(&message, 1));
  }
  if (compressed.bytes.empty()) {
    const auto prefix = grpc::frame_prefix(false, message.bytes.size() - grpc::kFramePrefixBytes);
    // The binding made this block for this message alone.
    std::memcpy(message.owner.data(), prefix.data(), prefix.size());
  }
  peer_of(call).session->send_data(call.stream_id,
                                   std::move(compressed.bytes.empty() ? message : compressed));
  count_unsent(peer_of(call));
  context_.touch(call.connection_slot);
}

void Front::resume_hosted(Call& call, const HostedCommand& command) {
  HostedCall& hosted = *call.hosted;
  hosted.unread_messages -= std::min(hosted.unread_messages, command.messages);
  hosted.unread_bytes -= std::min(hosted.unread_bytes, command.bytes);
  const bool was_behind = !hosted.unparsed.empty();
  while (!hosted.unparsed.empty() && !hosted.is_full()) {
    std::span<const std::byte>& part = hosted.unparsed.front().bytes;
    const std::size_t before = part.size();
    if (const auto read = read_hosted(call, part); !read) return refuse(call, read.error());
    hosted.unparsed_bytes -= before - part.size();
    if (part.empty()) hosted.unparsed.pop_front();
  }
  if (const auto charged = charge_hosted(call); !charged) return refuse(call, charged.error());
  context_.touch(call.connection_slot);  // its window may have been opened
  if (was_behind && hosted.unparsed.empty() && hosted.is_ended_by_peer) tell_half_close(call);
}

void Front::finish_hosted(Call& call, const HostedCommand& command) {
  grpc::FieldList fields;
  const bool is_only = !call.has_sent_headers && command.status.code != Code::kOk;
  if (!call.has_sent_headers && !is_only) send_hosted_headers(call, {});
  if (command.status.code == Code::kOk) {
    for (const http::Field& field : grpc::ok_trailers()) {
      fields.add_constant(field.name, field.value);
    }
  } else {
    fields = is_only ? grpc::trailers_only(command.status) : grpc::error_trailers(command.status);
  }
  for (const auto& [name, value] : command.metadata) fields.add_metadata(name, value);
  http::Session& session = *peer_of(call).session;
  if (is_only) {
    session.send_headers(call.stream_id, fields.fields(), true);
  } else {
    session.send_trailers(call.stream_id, fields.fields());
  }
  context_.metrics->record_answer(command.status.code);
  context_.touch(call.connection_slot);
  free_call(call, command.status);
}

// A call that is still open some time after the drain began is ended by the server.
void Front::limit_hosted(Call& call) {
  timers_.schedule(call.timer, std::min(call.deadline_ns, draining_until_ns_));
}

void Front::on_hosted_timer(Call& call, Nanos now) {
  if (now < draining_until_ns_) return limit_hosted(call);
  refuse(call, {Code::kUnavailable, "the server drains, and this call did not end in time"});
}

// The last that the application hears of the call.
void Front::end_hosted(Call& call, const Error& end) {
  hosted_.erase(call.hosted->id);
  context_.bridge->push({.kind = HostedEvent::Kind::kEnd, .call = call.hosted->id, .end = end});
  call.hosted.reset();
}

}  // namespace penstock::serving
