// SPDX-License-Identifier: Apache-2.0
#include "net/connection.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "net/opening.h"

namespace penstock::net {
namespace {

// Pieces handed to one sendmsg.
constexpr std::size_t kPiecesMax = 64;

}  // namespace

Connection::ReadResult Connection::read(std::span<std::byte> into) {
  const ssize_t got = ::recv(fd_.get(), into.data(), into.size(), 0);
  if (got > 0) return {Read::kSome, static_cast<std::size_t>(got)};
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return {Read::kNothing, 0};
  return {got == 0 ? Read::kEnd : Read::kBroken, 0};
}

Connection::Speech Connection::hear(std::span<const std::byte> input, std::string_view about) {
  const std::size_t heard_before = heard_.size();
  heard_.append(reinterpret_cast<const char*>(input.data()),
                std::min(input.size(), kRequestLineBytesMax));
  const auto first = std::as_bytes(std::span(heard_));
  const Opening opening = port == Port::kGrpc ? opening_of(first) : rest_opening_of(first);
  if (opening == Opening::kMore) return speech_;
  if (port == Port::kRest || opening == Opening::kHttp2) {
    heard_.resize(heard_before);
    const bool needs_other = port == Port::kRest && opening == Opening::kHttp2;
    return speech_ = needs_other ? Speech::kHttp2 : Speech::kSession;
  }
  heard_ = std::string();
  const std::string answer = plain_answer(opening, about);
  unwritten_.append(std::as_bytes(std::span(answer)));
  return speech_ = Speech::kPlain;
}

Connection::Write Connection::send(http::Output& output) {
  while (!output.is_empty()) {
    std::array<iovec, kPiecesMax> pieces;
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = output.gather(pieces);
    const ssize_t sent = message.msg_iovlen == 1 ? ::send(fd_.get(), pieces[0].iov_base,
                                                          pieces[0].iov_len, MSG_NOSIGNAL)
                                                 : ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN ? Write::kPart : Write::kBroken;
    }
    written_bytes_ += static_cast<std::uint64_t>(sent);
    output.advance(static_cast<std::size_t>(sent));
  }
  return Write::kAll;
}

Connection::Write Connection::write(http::Output& scratch) {
  if (!unwritten_.is_empty()) {
    if (const Write sent = send(unwritten_); sent != Write::kAll) return sent;
    unwritten_ = http::Output();
  }
  if (speech_ != Speech::kSession) return Write::kAll;
  const std::uint64_t stop = written_bytes_ + kWritePassBytes;
  while (written_bytes_ < stop) {
    // Even a session that has failed may still have a GOAWAY to say.
    const bool is_broken = !session_->take_output(scratch);
    if (scratch.is_empty()) return is_broken ? Write::kBroken : Write::kAll;
    const Write sent = send(scratch);
    if (sent == Write::kPart) {
      std::swap(unwritten_, scratch);
      scratch = http::Output();
      return sent;
    }
    if (sent == Write::kBroken || is_broken) {
      scratch.clear();
      return Write::kBroken;
    }
  }
  return Write::kPart;
}

void Connection::shut_down_writing() { ::shutdown(fd_.get(), SHUT_WR); }

}  // namespace penstock::net
