// SPDX-License-Identifier: Apache-2.0
// What a connection has yet to send: small bytes copied together, large ones pointed at.
//
// Laws: small bytes lie in a scratch that all connections share; they move into the outbox itself
// only when the socket does not take them. A call whose message is pointed at is handed back when
// the last piece before its mark has gone. Used by one thread.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "echo_call.h"

namespace rivals {

constexpr size_t kPiecesMax = 256;  // iovecs in one write

struct Scratch {
  std::vector<char> bytes = std::vector<char>(size_t{1} << 17);
  size_t size = 0;

  size_t room() const { return bytes.size() - size; }
};

class Outbox {
 public:
  enum class Sent { kAll, kSome, kFailed };

  bool is_empty() const { return pieces_.empty(); }
  bool is_full() const { return pieces_.size() + 2 > kPiecesMax; }

  // Adjoining copies grow into one piece.
  void copy(Scratch& scratch, const void* bytes, size_t size) {
    char* to = scratch.bytes.data() + scratch.size;
    std::memcpy(to, bytes, size);
    scratch.size += size;
    if (!pieces_.empty() && pieces_.back().is_copied) {
      pieces_.back().size += size;
    } else {
      pieces_.push_back({to, size, true, nullptr});
    }
  }

  void point_at(const char* bytes, size_t size) {
    pieces_.push_back({bytes, size, false, nullptr});
  }
  void mark_done(EchoCall* call) { pieces_.push_back({nullptr, 0, false, call}); }

  // Calls `done(call)` for each call whose last byte has gone.
  template <class F>
  Sent send(int fd, F done) {
    while (!pieces_.empty()) {
      std::array<iovec, kPiecesMax + 1> vectors;
      size_t count = 0;
      for (const Piece& piece : pieces_) {
        if (count == kPiecesMax) break;
        if (piece.size != 0) vectors[count++] = {const_cast<char*>(piece.bytes), piece.size};
      }
      msghdr message{};
      message.msg_iov = vectors.data();
      message.msg_iovlen = count;
      const ssize_t size = count == 0 ? 0 : sendmsg(fd, &message, MSG_NOSIGNAL);
      if (size < 0) return errno == EAGAIN ? Sent::kSome : Sent::kFailed;
      forget(static_cast<size_t>(size), done);
    }
    return Sent::kAll;
  }

  // The scratch is about to be reused by another connection.
  void own_copies() {
    std::string owned;
    for (const Piece& piece : pieces_) {
      if (piece.is_copied) owned.append(piece.bytes, piece.size);
    }
    owned_ = std::move(owned);
    size_t at = 0;
    for (Piece& piece : pieces_) {
      if (!piece.is_copied) continue;
      piece.bytes = owned_.data() + at;
      at += piece.size;
    }
  }

 private:
  struct Piece {
    const char* bytes;
    size_t size;
    bool is_copied;
    EchoCall* done;
  };

  template <class F>
  void forget(size_t size, F done) {
    size_t gone = 0;
    for (; gone < pieces_.size(); ++gone) {
      Piece& piece = pieces_[gone];
      if (size < piece.size) {
        piece.bytes += size;
        piece.size -= size;
        break;
      }
      size -= piece.size;
      if (piece.done != nullptr) done(piece.done);
    }
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(gone));
  }

  std::vector<Piece> pieces_;
  std::string owned_;
};

}  // namespace rivals
