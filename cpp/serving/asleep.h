// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/channel.h"
#include "base/error.h"
#include "base/event_fd.h"

namespace penstock::serving {

// A version may be asleep: known and not loaded, until a request asks for it. That request is
// parked by its Front, whole as it came, and the control thread is told. What happens to the
// version then stands in the version table, as always: once another table is published, the request
// goes its way as if it had just come, or is refused with the reason.

// Requests that one io thread lets wait for versions that are asleep. What they hold is bounded
// with all other requests, and each waits until its own deadline at most.
constexpr std::size_t kParkedCallsMax = 1024;

// What a parked call waits for.
struct Parking {
  std::string model;
  std::int64_t version = 0;
  std::uint64_t refusals = 0;  // of the version, when the call was parked
  std::size_t index = 0;       // among those that its Front has parked
};

// A version that requests ask for and that is to be loaded.
struct Wake {
  std::string model;
  std::int64_t version = 0;
};

// The way of these to the control thread. Owned by the engine.
class Wakes {
 public:
  static base::Result<std::unique_ptr<Wakes>> open(std::size_t io_threads);
  Wakes(const Wakes&) = delete;
  Wakes& operator=(const Wakes&) = delete;

  // On an io thread. False: the control thread has as many before it as there may be parked calls.
  bool push(Wake&& wake);

  // --- on the control thread ---
  // Readable while some wait.
  int fd() const { return waiting_.fd(); }
  // All that wait; the same version stands there once for each of its calls.
  std::vector<Wake> take();

 private:
  Wakes(std::size_t io_threads, base::EventFd waiting);

  const base::EventFd waiting_;
  base::Channel<Wake> wakes_;
};

}  // namespace penstock::serving
