// SPDX-License-Identifier: Apache-2.0
#include "model/shared_arena.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace penstock::model {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kFirstBytes = std::size_t{64} << 10;

std::unexpected<base::Error> no_memory(std::size_t bytes, int why) {
  return fail(Code::kResourceExhausted, "cannot share " + std::to_string(bytes) +
                                            " bytes of memory with it: " + std::strerror(why));
}

}  // namespace

Result<std::unique_ptr<SharedArena>> SharedArena::open(Access access, std::size_t bytes_max) {
  base::UniqueFd fd(memfd_create("penstock-arena", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return no_memory(kFirstBytes, errno);
  std::unique_ptr<SharedArena> arena(
      new SharedArena(std::move(fd), access, std::max(bytes_max, kFirstBytes)));
  if (auto made = arena->reserve(kFirstBytes); !made) return std::unexpected(made.error());
  if (fcntl(arena->fd(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
    return no_memory(kFirstBytes, errno);
  }
  return arena;
}

SharedArena::~SharedArena() {
  if (start_ != nullptr) munmap(start_, mapped_);
}

Result<> SharedArena::reserve(std::size_t bytes) {
  if (bytes <= allocated_) return {};
  if (bytes > bytes_max_) {
    return fail(Code::kResourceExhausted,
                "at most " + std::to_string(bytes_max_) +
                    " bytes (penstock.shared_bytes_max) are shared with it, but " +
                    std::to_string(bytes) + " are needed");
  }
  const std::size_t wanted = std::min(std::bit_ceil(bytes), bytes_max_);
  // No call of C's library but this one tells why in its result.
  if (const int why = posix_fallocate(fd(), 0, static_cast<off_t>(wanted)); why != 0) {
    return no_memory(wanted, why);
  }
  if (wanted > mapped_ && !map(wanted)) return no_memory(wanted, errno);
  allocated_ = wanted;
  return {};
}

bool SharedArena::follow(std::size_t bytes) {
  if (bytes <= mapped_) return true;
  if (bytes > bytes_max_) return false;
  struct stat file {};
  if (fstat(fd(), &file) != 0 || std::cmp_less(file.st_size, bytes)) return false;
  return map(std::min(static_cast<std::size_t>(file.st_size), bytes_max_));
}

void SharedArena::trim(std::size_t used) {
  if (used <= kKeptBytes) return;
  // A hole: the size stays, what reads it sees zeros, and what writes it gets a page again.
  fallocate(fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(kKeptBytes),
            static_cast<off_t>(mapped_ - kKeptBytes));
  allocated_ = std::min(allocated_, kKeptBytes);
}

bool SharedArena::map(std::size_t bytes) {
  const int allowed = access_ == Access::kWrite ? PROT_READ | PROT_WRITE : PROT_READ;
  void* const made = start_ == nullptr ? mmap(nullptr, bytes, allowed, MAP_SHARED, fd(), 0)
                                       : mremap(start_, mapped_, bytes, MREMAP_MAYMOVE);
  if (made == MAP_FAILED) return false;
  start_ = static_cast<std::byte*>(made);
  mapped_ = bytes;
  return true;
}

}  // namespace penstock::model
