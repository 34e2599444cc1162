// SPDX-License-Identifier: Apache-2.0
#include "scripted_worker.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "model/worker_message.h"

namespace penstock::testing {
namespace {

using model::WorkerAnswer;
using model::WorkerHeader;

constexpr int kSocket = 3;
constexpr int kRequests = 4;
constexpr int kAnswers = 5;
constexpr std::size_t kAligned = 64;

std::byte* mapped(int fd, std::size_t& size) {
  struct stat file {};
  fstat(fd, &file);
  size = static_cast<std::size_t>(file.st_size);
  return static_cast<std::byte*>(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
}

void say(WorkerAnswer kind, std::uint32_t number, std::size_t bytes = 0, std::size_t words = 0) {
  const WorkerHeader header{
      .kind = std::to_underlying(kind), .number = number, .bytes = bytes, .words = words};
  (void)!write(kSocket, &header, sizeof header);
}

void say_sentence(std::uint32_t number, std::string_view sentence) {
  std::size_t size = 0;
  std::memcpy(mapped(kAnswers, size), sentence.data(), sentence.size());
  say(WorkerAnswer::kRaised, number, sentence.size());
}

// What ends it, or keeps it for ever.
void obey(Script script) {
  switch (script) {
    case Script::kExit: _exit(3);
    case Script::kKill: kill(getpid(), SIGKILL); break;
    case Script::kLoop:
      for (;;) pause();
    case Script::kLeak:
      for (;;) {
        constexpr std::size_t kPiece = std::size_t{1} << 20;
        void* const piece =
            mmap(nullptr, kPiece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (piece != MAP_FAILED) std::memset(piece, 1, kPiece);
      }
    case Script::kBabble: (void)!write(kSocket, "babble", 6); break;
    case Script::kClose:
      close(kSocket);
      for (;;) pause();
    case Script::kFork:
      if (fork() == 0) {
        for (;;) pause();
      }
      _exit(4);
    default: break;
  }
}

// The only input comes first in the words: [rows, requests, rows of each, no facts,
// rank, offset, bytes, dims].
void run_batch(const WorkerHeader& request) {
  std::size_t requests_size = 0;
  std::byte* const from = mapped(kRequests, requests_size);
  const auto* const words = reinterpret_cast<const std::int64_t*>(from);
  const std::int64_t* const input = words + 3 + words[1];
  const auto rank = static_cast<std::size_t>(input[0]);
  const auto* const values = reinterpret_cast<const float*>(from + input[1]);
  const auto bytes = static_cast<std::size_t>(input[2]);
  const auto script = static_cast<Script>(bytes > 0 ? static_cast<int>(values[0]) : 0);
  obey(script);
  if (script == Script::kRaise) return say_sentence(request.number, "it did not like that");

  const std::size_t needed = 2 * kAligned + bytes;
  struct stat file {};
  fstat(kAnswers, &file);
  if (std::cmp_less(file.st_size, needed)) {
    (void)!posix_fallocate(kAnswers, 0, static_cast<off_t>(needed));
  }
  std::size_t answers_size = 0;
  std::byte* const to = mapped(kAnswers, answers_size);
  auto* const told = reinterpret_cast<std::int64_t*>(to);
  told[0] = input[0];
  told[1] = script == Script::kOutside ? INT64_MAX - 8 : 2 * kAligned;
  told[2] = input[2];
  for (std::size_t i = 0; i < rank; ++i) told[3 + i] = input[3 + i];
  auto* const doubled = reinterpret_cast<float*>(to + 2 * kAligned);
  for (std::size_t i = 0; i < bytes / sizeof(float); ++i) doubled[i] = 2 * values[i];
  const std::uint32_t number = request.number + (script == Script::kWrongNumber ? 1 : 0);
  say(WorkerAnswer::kDone, number, script == Script::kFarOutside ? std::size_t{1} << 40 : needed,
      3 + rank);
  munmap(from, requests_size);
  munmap(to, answers_size);
}

void load(const WorkerHeader& request) {
  std::size_t size = 0;
  const std::string_view document(reinterpret_cast<const char*>(mapped(kRequests, size)),
                                  request.bytes);
  if (document == "raise") return say_sentence(request.number, "it has no weights");
  if (document == "exit") obey(Script::kExit);
  if (document == "loop") obey(Script::kLoop);
  say(WorkerAnswer::kDone, request.number);
}

}  // namespace

void run_scripted_worker() {
  WorkerHeader request;
  while (read(kSocket, &request, sizeof request) == ssize_t{sizeof request}) {
    if (request.kind == std::to_underlying(model::WorkerRequest::kLoad)) {
      load(request);
    } else {
      run_batch(request);
    }
  }
  _exit(0);
}

std::vector<std::string> scripted_worker() {
  char path[PATH_MAX + 1] = {};
  (void)!readlink("/proc/self/exe", path, PATH_MAX);
  return {path, kScriptedWorker};
}

}  // namespace penstock::testing
