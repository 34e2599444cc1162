// SPDX-License-Identifier: Apache-2.0
#include "model/artifact.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/crc32.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "model/artifact_manifest.h"

namespace penstock::model {
namespace {

using artifact::Bytes;
using artifact::kHeadBytes;
using base::Code;
using base::fail;
using base::Result;

// The first kHeadBytes bytes, little-endian as this machine.
struct Head {
  std::array<char, 8> magic;
  std::uint32_t version;
  std::uint32_t checksum;
  std::uint64_t file_bytes;
  std::uint64_t manifest_offset;
  std::uint64_t manifest_bytes;
  std::array<std::byte, 24> zeros;
};
static_assert(sizeof(Head) == kHeadBytes);

std::unexpected<base::Error> refuse(std::string why) {
  return fail(Code::kInvalidArgument, std::move(why));
}

Result<Head> read_head(Bytes file, std::uint64_t file_bytes) {
  Head head{};
  const std::string_view begin(reinterpret_cast<const char*>(file.data()),
                               std::min(file.size(), artifact::kMagic.size()));
  if (begin != artifact::kMagic) return refuse("it is no compiled model: it begins otherwise");
  if (file.size() < kHeadBytes) {
    return refuse("it ends after " + std::to_string(file.size()) + " bytes, inside its head");
  }
  std::memcpy(&head, file.data(), sizeof head);
  if (head.version != artifact::kFormatVersion) {
    return refuse("its format is version " + std::to_string(head.version) + ": wanted " +
                  std::to_string(artifact::kFormatVersion) + "; compile the model again");
  }
  if (head.file_bytes != file_bytes) {
    return refuse("it has " + std::to_string(file_bytes) + " bytes, but its head says " +
                  std::to_string(head.file_bytes));
  }
  if (std::ranges::any_of(head.zeros, [](std::byte byte) { return byte != std::byte{0}; })) {
    return refuse("its head does not end with zeros");
  }
  if (head.manifest_offset < kHeadBytes || head.manifest_offset > file_bytes ||
      head.manifest_bytes > file_bytes - head.manifest_offset) {
    return refuse("its manifest, " + std::to_string(head.manifest_bytes) + " bytes at " +
                  std::to_string(head.manifest_offset) + ", lies outside of its " +
                  std::to_string(file_bytes) + " bytes");
  }
  if (head.manifest_bytes > artifact::kManifestBytesMax) {
    return refuse("its manifest has " + std::to_string(head.manifest_bytes) + " bytes: at most " +
                  std::to_string(artifact::kManifestBytesMax) + " are read");
  }
  return head;
}

Result<StillFile> hold_file(const std::string& path) {
  // A pipe that nobody writes to is not waited for.
  base::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat found {};
  if (!file || fstat(file.get(), &found) != 0) {
    const int why = errno;
    return fail(why == ENOENT ? Code::kNotFound : Code::kFailedPrecondition,
                std::string("it cannot be opened: ") + std::strerror(why));
  }
  if (!S_ISREG(found.st_mode)) return refuse("it is no file");
  const auto size = static_cast<std::size_t>(found.st_size);
  // Before memory for all of it: whatever lies there may be large and no model.
  std::array<std::byte, kHeadBytes> begin{};
  const std::span<std::byte> first(begin.data(), std::min(size, begin.size()));
  if (auto got = read_begin(file.get(), first); !got) return std::unexpected(got.error());
  if (auto head = read_head(first, size); !head) return std::unexpected(head.error());
  return StillFile::hold(std::move(file), size);
}

}  // namespace

Result<Artifact> open_artifact(const std::string& path) {
  const auto at_path = [&](base::Error error) {
    return fail(error.code, "compiled model " + base::quote(path, '\'') + ": " + error.why);
  };
  auto file = hold_file(path);
  if (!file) return at_path(file.error());
  auto parsed = parse_artifact(*std::move(file));
  if (!parsed) return at_path(parsed.error());
  return parsed;
}

Result<Artifact> parse_artifact(StillFile file) {
  const Bytes bytes = file.bytes();
  const auto head = read_head(bytes, bytes.size());
  if (!head) return std::unexpected(head.error());
  if (base::crc32(bytes.subspan(kHeadBytes)) != head->checksum) {
    return refuse("its bytes do not add up to its checksum: the file is damaged");
  }
  Artifact artifact{.file = std::move(file)};
  auto read = read_manifest(bytes.subspan(head->manifest_offset, head->manifest_bytes), artifact);
  if (read) read = check_artifact(artifact);
  if (!read) return std::unexpected(read.error());
  return artifact;
}

}  // namespace penstock::model
