// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "base/buffer.h"
#include "base/error.h"
#include "base/unique_fd.h"

namespace penstock::model {

// The bytes of a file, which nobody changes for as long as this lives: what has been checked of
// them stays true. They are mapped where the system gives a lease on the file: whoever wants to
// write to it or to cut it short then waits until this is gone, or for
// /proc/sys/fs/lease-break-time, and a file that somebody has open for writing gets none. Elsewhere
// (a file of another user's, a file system of a network) they are read, for a mapped file that is
// cut short ends the process by a signal.
class StillFile {
 public:
  // Of a file that has `size` bytes, at least one.
  static base::Result<StillFile> hold(base::UniqueFd file, std::size_t size);
  // Of one that has been read.
  explicit StillFile(base::Buffer read) : bytes_(read.bytes()), read_(std::move(read)) {}

  StillFile(StillFile&& other) noexcept;
  StillFile& operator=(StillFile&& other) = delete;
  ~StillFile();

  std::span<const std::byte> bytes() const { return bytes_; }
  bool is_mapped() const { return static_cast<bool>(leased_); }

 private:
  StillFile() = default;

  std::span<const std::byte> bytes_{};
  base::UniqueFd leased_{};  // closing it ends the lease
  base::Buffer read_{};
};

// Fills `to` from the file's beginning; fewer bytes than wanted are a failure.
base::Result<> read_begin(int file, std::span<std::byte> to);

}  // namespace penstock::model
