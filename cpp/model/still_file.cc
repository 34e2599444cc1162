// SPDX-License-Identifier: Apache-2.0
#include "model/still_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <utility>

namespace penstock::model {
namespace {

using base::Code;
using base::fail;
using base::Result;

// The signal that tells of somebody who waits is one that does nothing unless it is asked for: the
// one that comes otherwise would end the process. Nothing is to be done about it, for files are
// held for as long as a load takes.
bool lease(int file) {
  return fcntl(file, F_SETSIG, SIGURG) == 0 && fcntl(file, F_SETLEASE, F_RDLCK) == 0;
}

}  // namespace

Result<StillFile> StillFile::hold(base::UniqueFd file, std::size_t size) {
  StillFile held;
  struct stat now {};
  // Who cut it short did so before the lease, or cannot.
  if (lease(file.get()) && fstat(file.get(), &now) == 0 && std::cmp_equal(now.st_size, size)) {
    void* const at = mmap(nullptr, size, PROT_READ, MAP_SHARED | MAP_POPULATE, file.get(), 0);
    if (at != MAP_FAILED) {
      held.bytes_ = {static_cast<const std::byte*>(at), size};
      held.leased_ = std::move(file);
      return held;
    }
  }
  held.read_ = base::Buffer::try_allocate(size);
  if (!held.read_) {
    return fail(Code::kResourceExhausted, "no memory for its " + std::to_string(size) + " bytes");
  }
  if (auto got = read_begin(file.get(), held.read_.bytes()); !got) {
    return std::unexpected(got.error());
  }
  held.bytes_ = held.read_.bytes();
  return held;
}

StillFile::StillFile(StillFile&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})),
      leased_(std::move(other.leased_)),
      read_(std::move(other.read_)) {}

StillFile::~StillFile() {
  if (is_mapped()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

Result<> read_begin(int file, std::span<std::byte> to) {
  off_t at = 0;
  while (!to.empty()) {
    const ssize_t got = pread(file, to.data(), to.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return fail(Code::kInternal, std::string("it cannot be read: ") + std::strerror(errno));
    }
    if (got == 0) return fail(Code::kInvalidArgument, "it became shorter while it was read");
    to = to.subspan(static_cast<std::size_t>(got));
    at += got;
  }
  return {};
}

}  // namespace penstock::model
