// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <vector>

#include "serving/bridge.h"

namespace penstock::bindings {

// The control thread's side of serving::Bridge, as _core.pyi describes it: bytes in, bytes out.
// What is to be done about calls is gathered here and crosses to the io threads with flush(), so
// that a turn of the event loop costs one wake per io thread. Owned by the module's Engine; used
// by one Python thread, with the interpreter's lock.
class ControlBridge {
 public:
  explicit ControlBridge(serving::Bridge& bridge) : bridge_(bridge) {}
  ControlBridge(const ControlBridge&) = delete;
  ControlBridge& operator=(const ControlBridge&) = delete;

  int fd() const { return bridge_.fd(); }
  void host(const std::vector<std::string>& paths, bool takes_any);
  pybind11::list take();

  void send_headers(std::uint64_t call, const pybind11::iterable& metadata,
                    const std::string& encoding);
  void send_message(std::uint64_t call, const pybind11::bytes& message, bool is_compressed);
  void consumed(std::uint64_t call, std::size_t messages, std::size_t bytes);
  void finish(std::uint64_t call, int code, std::string details,
              const pybind11::iterable& metadata);
  // False: some wait for room; call it again soon.
  bool flush();

 private:
  serving::Bridge& bridge_;
  std::vector<serving::HostedEvent> events_;
  std::vector<serving::HostedCommand> commands_;
};

void bind_control_bridge(pybind11::module_& module);

}  // namespace penstock::bindings
