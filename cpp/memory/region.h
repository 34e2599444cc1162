// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/unique_fd.h"

namespace penstock::memory {

inline constexpr std::size_t kRegionNameBytesMax = 1024;
inline constexpr std::size_t kRegionKeyBytesMax = 255;  // NAME_MAX

// What a client registers: `byte_size` bytes from `offset` on of the POSIX shared memory object
// `key`, under a name of its choice.
struct RegionSpec {
  std::string name;
  std::string key;
  std::uint64_t offset = 0;
  std::uint64_t byte_size = 0;

  friend bool operator==(const RegionSpec&, const RegionSpec&) = default;
};

// `text` in single quotes, as Triton's sentences have it; escaped like base::quote().
std::string single_quoted(std::string_view text);

// The file below /dev/shm that a key names: one name, with or without a slash before it.
// kInvalidArgument for everything else, for keys of Triton's Python workers, and for semaphores,
// which live in the same folder.
base::Result<std::string> file_of_key(const RegionSpec& spec);

// A client's shared memory, open for as long as somebody holds it: the table where it is
// registered, and every request that uses it.
//
// It is never mapped. A client may cut its file short at any time, and a process that reads or
// writes a mapping past the file's end is killed (SIGBUS); the same with a full /dev/shm. So bytes
// are copied by the kernel, for which both are errors: docs/decisions/0037. What read() gave is
// the server's own: no client changes it while it is used.
//
// Immutable; read() and write() may be called on any thread.
class Region {
 public:
  // Opens what `spec` names and checks it: see docs/shared_memory.md.
  static base::Result<std::shared_ptr<const Region>> open(RegionSpec spec);
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  ~Region() = default;

  const RegionSpec& spec() const { return spec_; }

  // Whether `bytes` bytes from `offset` on lie within the region as it was registered.
  base::Result<> check_within(std::uint64_t offset, std::uint64_t bytes) const;
  // The bytes from `offset` on, which lie within. kFailedPrecondition if the file has become too
  // short for them.
  base::Result<> read(std::uint64_t offset, std::span<std::byte> to) const;
  // The same way round. Never makes the file longer than it is.
  base::Result<> write(std::uint64_t offset, std::span<const std::byte> from) const;

 private:
  Region(RegionSpec spec, base::UniqueFd file) : spec_(std::move(spec)), file_(std::move(file)) {}
  std::unexpected<base::Error> has_shrunk() const;
  std::unexpected<base::Error> failed(std::string_view verb, int why) const;

  const RegionSpec spec_;
  const base::UniqueFd file_;
};

// Where a tensor is: bytes within a region, checked, and the region held.
struct RegionPart {
  std::shared_ptr<const Region> region;
  std::uint64_t offset = 0;
  std::uint64_t byte_size = 0;
};

}  // namespace penstock::memory
