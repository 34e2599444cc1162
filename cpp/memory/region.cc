// SPDX-License-Identifier: Apache-2.0
#include "memory/region.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "base/text.h"

namespace penstock::memory {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::string_view kFolder = "/dev/shm/";

// Objects of Triton's Python backend: a client that reached them would write into its processes.
constexpr std::string_view kTritonPrefix = "triton_python_backend_shm_region_";
// Named semaphores of the C library.
constexpr std::string_view kSemaphorePrefix = "sem.";

std::string refusal(const RegionSpec& spec) {
  return "failed to register shared memory region " + single_quoted(spec.name) + ": ";
}

std::unexpected<base::Error> refuse(const RegionSpec& spec, std::string_view why) {
  return fail(Code::kInvalidArgument, refusal(spec) + std::string(why));
}

std::unexpected<base::Error> reserved(const RegionSpec& spec, std::string_view prefix) {
  return fail(Code::kInvalidArgument,
              "cannot register shared memory region " + single_quoted(spec.name) + " with key " +
                  single_quoted(spec.key) + " as the key contains the reserved prefix " +
                  single_quoted(prefix));
}

Code code_of(int why) {
  switch (why) {
    case ENOENT: return Code::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS: return Code::kPermissionDenied;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOSPC: return Code::kResourceExhausted;
    default: return Code::kInvalidArgument;  // a symbolic link, a folder, a socket
  }
}

Result<> check_name(const RegionSpec& spec) {
  if (spec.name.empty()) {
    return fail(Code::kInvalidArgument,
                "failed to register shared memory region: it needs a name, got none");
  }
  if (spec.name.size() > kRegionNameBytesMax) {
    return refuse(spec, "its name may have at most " + std::to_string(kRegionNameBytesMax) +
                            " bytes, got " + std::to_string(spec.name.size()));
  }
  if (!base::is_utf8(spec.name)) return refuse(spec, "its name is not valid UTF-8");
  return {};
}

Result<> check_file(const RegionSpec& spec, int file) {
  struct stat found {};
  if (fstat(file, &found) != 0) return refuse(spec, std::strerror(errno));
  if (!S_ISREG(found.st_mode)) {
    return refuse(spec, "key " + single_quoted(spec.key) + " names no shared memory object");
  }
  const auto size = static_cast<std::uint64_t>(found.st_size);
  if (spec.offset > size || spec.byte_size > size - spec.offset) {
    return refuse(spec, "invalid args: offset " + std::to_string(spec.offset) + " and byte_size " +
                            std::to_string(spec.byte_size) + " go beyond the " +
                            std::to_string(size) + " bytes of key " + single_quoted(spec.key));
  }
  return {};
}

}  // namespace

std::string single_quoted(std::string_view text) {
  std::string quoted = base::quote(text);
  quoted.front() = '\'';
  // A text that was cut has its "..." behind the quotes.
  quoted[quoted.rfind('"')] = '\'';
  return quoted;
}

Result<std::string> file_of_key(const RegionSpec& spec) {
  std::string_view name = spec.key;
  if (name.starts_with('/')) name.remove_prefix(1);
  if (name.empty() || name == "." || name == ".." || name.size() > kRegionKeyBytesMax ||
      name.find('/') != std::string_view::npos || name.find('\0') != std::string_view::npos) {
    return refuse(spec, "a key is the name of a shared memory object, such as '/input': 1 to " +
                            std::to_string(kRegionKeyBytesMax) +
                            " bytes without a further slash, got " + single_quoted(spec.key));
  }
  if (!base::is_utf8(name)) return refuse(spec, "its key is not valid UTF-8");
  for (const std::string_view prefix : {kTritonPrefix, kSemaphorePrefix}) {
    if (name.starts_with(prefix)) return reserved(spec, prefix);
  }
  return std::string(kFolder).append(name);
}

Result<std::shared_ptr<const Region>> Region::open(RegionSpec spec) {
  if (auto named = check_name(spec); !named) return std::unexpected(named.error());
  const auto path = file_of_key(spec);
  if (!path) return std::unexpected(path.error());
  if (spec.byte_size == 0) return refuse(spec, "its byte_size is 0; at least 1 is wanted");
  // As shm_open() does it, but not waiting for whoever opens the other end of a pipe.
  base::UniqueFd file(::open(path->c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) {
    const int why = errno;
    return fail(code_of(why), "Unable to open shared memory region: " + single_quoted(spec.key) +
                                  ": " + std::strerror(why));
  }
  if (auto fine = check_file(spec, file.get()); !fine) return std::unexpected(fine.error());
  return std::shared_ptr<const Region>(new Region(std::move(spec), std::move(file)));
}

Result<> Region::check_within(std::uint64_t offset, std::uint64_t bytes) const {
  if (offset <= spec_.byte_size && bytes <= spec_.byte_size - offset) return {};
  return fail(Code::kInvalidArgument,
              "Invalid offset + byte size for shared memory region: " + single_quoted(spec_.name) +
                  ": it has " + std::to_string(spec_.byte_size) + " bytes, offset " +
                  std::to_string(offset) + " and byte size " + std::to_string(bytes) +
                  " go beyond them");
}

Result<> Region::read(std::uint64_t offset, std::span<std::byte> to) const {
  PENSTOCK_CHECK(check_within(offset, to.size()).has_value());
  auto at = static_cast<off_t>(spec_.offset + offset);
  while (!to.empty()) {
    const ssize_t got = pread(file_.get(), to.data(), to.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("read", errno);
    if (got == 0) return has_shrunk();
    to = to.subspan(static_cast<std::size_t>(got));
    at += got;
  }
  return {};
}

Result<> Region::write(std::uint64_t offset, std::span<const std::byte> from) const {
  PENSTOCK_CHECK(check_within(offset, from.size()).has_value());
  auto at = static_cast<off_t>(spec_.offset + offset);
  // Whoever cuts it between here and the writing gets back what was cut, within what it
  // registered.
  struct stat found {};
  if (fstat(file_.get(), &found) != 0) return failed("written", errno);
  if (std::cmp_less(found.st_size, spec_.offset + offset + from.size())) return has_shrunk();
  while (!from.empty()) {
    const ssize_t put = pwrite(file_.get(), from.data(), from.size(), at);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return failed("written", put == 0 ? ENOSPC : errno);
    from = from.subspan(static_cast<std::size_t>(put));
    at += put;
  }
  return {};
}

std::unexpected<base::Error> Region::has_shrunk() const {
  return fail(Code::kFailedPrecondition,
              "shared memory region " + single_quoted(spec_.name) + ": the object of key " +
                  single_quoted(spec_.key) +
                  " has become shorter than it was when the region was registered");
}

std::unexpected<base::Error> Region::failed(std::string_view verb, int why) const {
  return fail(why == ENOSPC || why == ENOMEM ? Code::kResourceExhausted : Code::kInternal,
              "shared memory region " + single_quoted(spec_.name) + " cannot be " +
                  std::string(verb) + ": " + std::strerror(why));
}

}  // namespace penstock::memory
