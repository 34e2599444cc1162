// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a client shares: an object in /dev/shm, gone when the test ends.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "base/check.h"
#include "base/unique_fd.h"
#include "memory/region.h"

namespace penstock::testing {

// A key that nobody else uses.
inline std::string fresh_key() {
  static int made = 0;
  return "/penstock-test-" + std::to_string(getpid()) + "-" + std::to_string(made++);
}

class ShmObject {
 public:
  explicit ShmObject(std::size_t bytes) : ShmObject(std::string(bytes, '\0')) {}
  explicit ShmObject(std::string_view bytes)
      : key_(fresh_key()), file_(shm_open(key_.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600)) {
    PENSTOCK_CHECK(static_cast<bool>(file_));
    resize(bytes.size());
    put(bytes);
  }
  ShmObject(const ShmObject&) = delete;
  ShmObject& operator=(const ShmObject&) = delete;
  ~ShmObject() { unlink(); }

  const std::string& key() const { return key_; }
  std::string path() const { return "/dev/shm" + key_; }
  void resize(std::size_t bytes) {
    PENSTOCK_CHECK(ftruncate(file_.get(), static_cast<off_t>(bytes)) == 0);
  }
  void unlink() { shm_unlink(key_.c_str()); }
  void put(std::string_view bytes, std::size_t offset = 0) {
    PENSTOCK_CHECK(pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
                   static_cast<ssize_t>(bytes.size()));
  }
  std::string bytes(std::size_t offset, std::size_t count) const {
    std::string got(count, '\0');
    const ssize_t size = pread(file_.get(), got.data(), count, static_cast<off_t>(offset));
    got.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return got;
  }
  std::size_t size() const {
    struct stat found {};
    PENSTOCK_CHECK(fstat(file_.get(), &found) == 0);
    return static_cast<std::size_t>(found.st_size);
  }

  memory::RegionSpec spec(std::string name, std::uint64_t offset, std::uint64_t byte_size) const {
    return {.name = std::move(name), .key = key_, .offset = offset, .byte_size = byte_size};
  }

 private:
  const std::string key_;
  const base::UniqueFd file_;
};

}  // namespace penstock::testing
