// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "base/error.h"
#include "base/unique_fd.h"

namespace penstock::model {

// Memory that this process shares with one other: an anonymous file, mapped by both.
//
//  * It grows as needed up to its bound and its file never shrinks: it is sealed, so that no
//    process can cut pages from under another's mapping, which would kill the one that reads them.
//  * Pages are allocated when it grows, not when they are first written, so that a machine without
//    memory is an error here and not a signal.
//
// Lives on the thread that uses the worker at the time.
class SharedArena {
 public:
  enum class Access : bool { kRead, kWrite };

  // What it holds for good; more is given back by trim().
  static constexpr std::size_t kKeptBytes = std::size_t{64} << 20;

  // `access` is how this process maps it. `bytes_max` bounds its size.
  static base::Result<std::unique_ptr<SharedArena>> open(Access access, std::size_t bytes_max);
  SharedArena(const SharedArena&) = delete;
  SharedArena& operator=(const SharedArena&) = delete;
  ~SharedArena();

  int fd() const { return fd_.get(); }
  std::size_t bytes_max() const { return bytes_max_; }

  // Makes room for `bytes`, keeping what is there. kResourceExhausted beyond the bound.
  base::Result<> reserve(std::size_t bytes);
  // Maps what the other process has made the file grow to. False: it has fewer than `bytes`, or
  // more than the bound.
  bool follow(std::size_t bytes);
  // Gives pages behind the first kKeptBytes back to the system, if `used` bytes needed them.
  void trim(std::size_t used);

  std::span<std::byte> bytes() const { return {start_, mapped_}; }

 private:
  SharedArena(base::UniqueFd fd, Access access, std::size_t bytes_max)
      : fd_(std::move(fd)), access_(access), bytes_max_(bytes_max) {}
  bool map(std::size_t bytes);

  const base::UniqueFd fd_;
  const Access access_;
  const std::size_t bytes_max_;
  std::byte* start_ = nullptr;
  std::size_t mapped_ = 0;
  std::size_t allocated_ = 0;  // of the file's front, by this process
};

}  // namespace penstock::model
