// SPDX-License-Identifier: Apache-2.0
#include "model/worker_process.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/text.h"

namespace penstock::model {
namespace {

using base::Code;
using base::fail;
using base::Nanos;
using base::Result;

// A process that has closed its socket is mostly about to end; how it ends makes the sentence.
constexpr Nanos kLastWords = 2 * base::kSecond;
// What a process whose time is over gets to write down where it is (faulthandler, at SIGXCPU).
constexpr Nanos kTraceback = 50 * base::kMillisecond;

}  // namespace

std::string seconds_text(Nanos duration) {
  std::string text = std::to_string(duration / base::kMillisecond);
  if (text.size() < 4) text.insert(0, 4 - text.size(), '0');
  text.insert(text.size() - 3, ".");
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text + " s";
}

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::spawn(const WorkerOptions& options) {
  std::array<int, 2> pair{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return fail(Code::kResourceExhausted,
                std::string("cannot make a socket for it: ") + std::strerror(errno));
  }
  base::UniqueFd own(pair[0]);
  const base::UniqueFd its(pair[1]);
  auto requests = SharedArena::open(SharedArena::Access::kWrite, options.shared_bytes_max);
  if (!requests) return std::unexpected(requests.error());
  auto answers = SharedArena::open(SharedArena::Access::kRead, options.shared_bytes_max);
  if (!answers) return std::unexpected(answers.error());
  const std::array<int, 3> inherited{its.get(), (*requests)->fd(), (*answers)->fd()};
  auto child = ChildProcess::spawn(options.command, inherited);
  if (!child) return std::unexpected(child.error());
  return std::unique_ptr<WorkerProcess>(new WorkerProcess(
      options, std::move(own), *std::move(requests), *std::move(answers), *std::move(child)));
}

WorkerProcess::WorkerProcess(const WorkerOptions& options, base::UniqueFd socket,
                             std::unique_ptr<SharedArena> requests,
                             std::unique_ptr<SharedArena> answers,
                             std::unique_ptr<ChildProcess> child)
    : options_(options),
      socket_(std::move(socket)),
      requests_(std::move(requests)),
      answers_(std::move(answers)),
      child_(std::move(child)) {}

Result<> WorkerProcess::load(std::size_t instance) {
  const std::string& document = options_.document;
  if (auto room = requests_->reserve(document.size()); !room) return room;
  std::memcpy(requests_->bytes().data(), document.data(), document.size());
  number_ = static_cast<std::uint32_t>(instance);
  auto answer = exchange({.kind = std::to_underlying(WorkerRequest::kLoad),
                          .number = number_,
                          .bytes = document.size(),
                          .words = 0},
                         options_.load_ns_max, Verdict::kLoadTime);
  if (!answer) return std::unexpected(std::move(answer).error());
  if (answer->kind != std::to_underlying(WorkerAnswer::kDone)) {
    return std::unexpected(told(*answer));
  }
  sees_requests_.store(answer->words == 1);
  is_loaded_.store(true);
  return {};
}

Result<> WorkerProcess::run(const ExecutorBatch& batch, const base::Signature& signature,
                            std::vector<base::Tensor>& outputs) {
  lay_out(batch, layout_);
  if (auto room = requests_->reserve(layout_.bytes); !room) return room;
  write_batch(batch, layout_, requests_->bytes());
  auto answer = exchange({.kind = std::to_underlying(WorkerRequest::kBatch),
                          .number = ++number_,
                          .bytes = layout_.bytes,
                          .words = layout_.words.size()},
                         options_.batch_ns_max, Verdict::kBatchTime);
  if (!answer) return std::unexpected(std::move(answer).error());
  requests_->trim(layout_.bytes);
  const bool is_answered = answer->kind == std::to_underlying(WorkerAnswer::kAnswered);
  if (!is_answered && answer->kind != std::to_underlying(WorkerAnswer::kDone)) {
    return std::unexpected(told(*answer));
  }
  auto block = copy_of(*answer);
  if (!block) return std::unexpected(std::move(block).error());
  answers_->trim(answer->bytes);
  const std::size_t requests = batch.request_rows.size();
  const bool may_answer = batch.answers != nullptr && sees_requests();
  if (is_answered && may_answer &&
      read_answers(*answer, *block, signature, requests, *batch.answers)) {
    return {};
  }
  if (!is_answered && read_outputs(*answer, *block, signature, outputs)) return {};
  outputs.clear();
  if (batch.answers != nullptr) batch.answers->clear();
  end(Verdict::kNonsense);
  return std::unexpected(failure());
}

Result<WorkerHeader> WorkerProcess::exchange(WorkerHeader request, Nanos ns_max, Verdict if_late) {
  const Nanos deadline = ns_max == 0 ? base::kNever : base::after(base::monotonic_now(), ns_max);
  const ssize_t sent = send(socket_.get(), &request, sizeof request, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent != ssize_t{sizeof request}) return std::unexpected(failure());
  if (!wait_for_answer(deadline)) {
    if (is_usable()) {
      child_->signal(SIGXCPU);
      child_->wait_for_end(base::monotonic_now() + kTraceback);
      end(if_late);
    }
    return std::unexpected(failure());
  }
  WorkerHeader answer;
  const ssize_t got = recv(socket_.get(), &answer, sizeof answer, MSG_DONTWAIT | MSG_TRUNC);
  if (got <= 0) return std::unexpected(failure());  // it has closed its socket, or has ended
  if (got == ssize_t{sizeof answer} && answer.number == request.number &&
      answer.kind >= std::to_underlying(WorkerAnswer::kDone) &&
      answer.kind <= std::to_underlying(WorkerAnswer::kAnswered)) {
    return answer;
  }
  end(Verdict::kNonsense);
  return std::unexpected(failure());
}

// False: the time is over. The process's end is looked at besides the socket, for its own children
// may hold that open.
bool WorkerProcess::wait_for_answer(Nanos deadline) {
  std::array<pollfd, 2> looked{pollfd{.fd = socket_.get(), .events = POLLIN, .revents = 0},
                               pollfd{.fd = child_->end_fd(), .events = POLLIN, .revents = 0}};
  for (;;) {
    timespec left{};
    if (deadline != base::kNever) {
      const Nanos ns = std::max<Nanos>(0, deadline - base::monotonic_now());
      left = {.tv_sec = ns / base::kSecond, .tv_nsec = ns % base::kSecond};
    }
    const int ready =
        ppoll(looked.data(), looked.size(), deadline == base::kNever ? nullptr : &left, nullptr);
    if (ready > 0) return true;
    if (ready == 0) return false;
  }
}

// What the answer says, out of the process's reach.
Result<base::Buffer> WorkerProcess::copy_of(const WorkerHeader& answer) {
  if (answer.bytes > answers_->bytes_max() || !answers_->follow(answer.bytes)) {
    end(Verdict::kNonsense);
    return std::unexpected(failure());
  }
  base::Buffer block = base::Buffer::try_allocate(answer.bytes);
  if (answer.bytes > 0 && !block) {
    return fail(Code::kResourceExhausted,
                "no memory for the " + std::to_string(answer.bytes) + " bytes of its outputs");
  }
  if (block) std::memcpy(block.data(), answers_->bytes().data(), block.size());
  return block;
}

// The sentence of an answer that is one.
base::Error WorkerProcess::told(const WorkerHeader& answer) {
  if (answer.bytes > kWorkerSentenceBytesMax) {
    end(Verdict::kNonsense);
    return failure();
  }
  const auto block = copy_of(answer);
  if (!block) return block.error();
  const bool is_bound = answer.kind == std::to_underlying(WorkerAnswer::kTooLarge);
  return {is_bound ? Code::kResourceExhausted : Code::kInternal, sentence_of(block->bytes())};
}

// It has ended, or must: it does not talk any more.
base::Error WorkerProcess::failure() {
  if (verdict_.load() == Verdict::kNone) {
    if (child_->wait_for_end(base::monotonic_now() + kLastWords)) {
      has_left_.store(true);
    } else {
      end(Verdict::kNonsense);
    }
  }
  return {Code::kUnavailable, "its process " + story()};
}

void WorkerProcess::end(Verdict why) {
  Verdict none = Verdict::kNone;
  verdict_.compare_exchange_strong(none, why);
  child_->signal(SIGKILL);
}

void WorkerProcess::close() { shutdown(socket_.get(), SHUT_RDWR); }

void WorkerProcess::check_memory() {
  if (options_.memory_bytes_max == 0) return;
  const std::size_t bytes = child_->resident_bytes();
  if (bytes <= options_.memory_bytes_max) return;
  resident_bytes_.store(bytes);
  end(Verdict::kMemory);
}

std::string WorkerProcess::story() const {
  switch (verdict_.load()) {
    case Verdict::kNone: break;
    case Verdict::kBatchTime:
      return "took more than " + seconds_text(options_.batch_ns_max) +
             " for a batch (penstock.batch_seconds_max) and was ended";
    case Verdict::kLoadTime:
      return "took more than " + seconds_text(options_.load_ns_max) +
             " to load the model (penstock.load_seconds_max) and was ended";
    case Verdict::kMemory:
      return "held " + std::to_string(resident_bytes_.load()) + " bytes of memory, more than the " +
             std::to_string(options_.memory_bytes_max) +
             " of penstock.memory_bytes_max, and was ended";
    case Verdict::kNonsense: return "sent something that is no answer and was ended";
    case Verdict::kStop: return "was ended because the model is being stopped";
  }
  const auto end = child_->end();
  const std::string text = end ? text_of(*end) : "does not answer";
  return is_loaded_.load() ? text : text + " before the model was loaded";
}

}  // namespace penstock::model
