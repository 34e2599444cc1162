// SPDX-License-Identifier: Apache-2.0
// The ends of a call: a message and trailers, or trailers alone.
#include <array>
#include <cstring>
#include <string>

#include "grpc/compression.h"
#include "grpc/framing.h"
#include "grpc/request_head.h"
#include "serving/front.h"

namespace penstock::serving {

// `message` begins with kFramePrefixBytes of room. Frees the call.
void Front::answer(Call& call, wire::EncodedMessage& message,
                   std::span<const http::Field> trailers) {
  http::Session& session = *peer_of(call).session;
  const std::size_t message_bytes = message.size - grpc::kFramePrefixBytes;
  grpc::Encoding encoding = grpc::Encoding::kIdentity;
  if (call.answer_encoding != grpc::Encoding::kIdentity) {
    base::Slice compressed = grpc::compress_frame(
        call.answer_encoding, context_.options->answer_compression, message.pieces);
    if (!compressed.bytes.empty()) {
      encoding = call.answer_encoding;
      message.pieces.clear();
      message.pieces.push_back(std::move(compressed));
    }
  }
  if (encoding == grpc::Encoding::kIdentity) {
    const auto prefix = grpc::frame_prefix(false, message_bytes);
    // The encoder made this block for this message, so nobody else reads it yet.
    std::memcpy(message.pieces.front().owner.data(), prefix.data(), prefix.size());
  }
  session.send_headers(call.stream_id, grpc::response_headers(encoding, call.request_encoding),
                       false);
  for (base::Slice& piece : message.pieces) session.send_data(call.stream_id, std::move(piece));
  session.send_trailers(call.stream_id, trailers);
  count_unsent(peer_of(call));
  message.clear();
  context_.metrics->record_answer(base::Code::kOk);
  context_.touch(call.connection_slot);
  free_call(call);
}

base::Slice Front::framed_message(std::string_view message) {
  const base::Buffer block = base::Buffer::allocate(grpc::kFramePrefixBytes + message.size());
  const auto prefix = grpc::frame_prefix(false, message.size());
  std::memcpy(block.data(), prefix.data(), prefix.size());
  std::memcpy(block.data() + prefix.size(), message.data(), message.size());
  return {block, block.bytes()};
}

void Front::answer_small(Call& call, std::string_view message,
                         std::span<const http::Field> trailers) {
  encoded_.pieces.clear();
  encoded_.pieces.push_back(framed_message(message));
  encoded_.size = encoded_.pieces.front().bytes.size();
  answer(call, encoded_, trailers);
}

// GET / and HEAD / are told what this is; false: it is something else. Frees the call.
bool Front::answer_plain(Call& call, const http::Event& request) {
  const grpc::PlainQuestion question = grpc::plain_question(request.fields);
  if (question == grpc::PlainQuestion::kNone) return false;
  http::Session& session = *peer_of(call).session;
  const std::string line = about(*context_.identity) + "\n";
  const std::string size = std::to_string(line.size());
  const std::array<http::Field, 3> fields = {{{":status", "200"},
                                              {"content-type", "text/plain; charset=utf-8"},
                                              {"content-length", size}}};
  const bool is_head = question == grpc::PlainQuestion::kHead;
  session.send_headers(call.stream_id, fields, is_head);
  if (!is_head) {
    const base::Buffer block = base::Buffer::allocate(line.size());
    std::memcpy(block.data(), line.data(), line.size());
    session.send_data(call.stream_id, {block, block.bytes()});
    session.send_trailers(call.stream_id, {});
  }
  context_.touch(call.connection_slot);
  free_call(call);
  return true;
}

// Frees the call. What is left of an answer that has begun is not sent: the status counts.
void Front::refuse(Call& call, const base::Error& error) {
  if (call.is_rest) return refuse_rest(call, rest::http_status(error.code), error);
  http::Session& session = *peer_of(call).session;
  if (call.has_sent_headers) {
    session.drop_data(call.stream_id);
    session.send_trailers(call.stream_id, grpc::error_trailers(error).fields());
  } else {
    session.send_headers(call.stream_id, grpc::trailers_only(error).fields(), true);
  }
  context_.metrics->record_answer(error.code);
  context_.touch(call.connection_slot);
  free_call(call, error);
}

}  // namespace penstock::serving
