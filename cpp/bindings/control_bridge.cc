// SPDX-License-Identifier: Apache-2.0
#include "bindings/control_bridge.h"

#include <pybind11/stl.h>

#include <cstring>
#include <set>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "bindings/errors.h"
#include "grpc/encoding.h"
#include "grpc/framing.h"
#include "grpc/metadata.h"

namespace penstock::bindings {
namespace py = pybind11;

namespace {

using serving::HostedCommand;
using serving::HostedEvent;

// A peer may write any byte where text is expected.
py::str text_of(std::string_view bytes) {
  PyObject* const text =
      PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "replace");
  if (text == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(text);
}

py::bytes bytes_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

py::tuple metadata_of(const serving::Metadata& metadata) {
  py::tuple pairs(metadata.size());
  for (std::size_t i = 0; i < metadata.size(); ++i) {
    const auto& [name, value] = metadata[i];
    const py::object told =
        grpc::is_binary_metadata(name) ? py::object(py::bytes(value)) : py::object(text_of(value));
    pairs[i] = py::make_tuple(text_of(name), told);
  }
  return pairs;
}

serving::Metadata metadata_of(const py::iterable& pairs) {
  serving::Metadata metadata;
  for (const py::handle pair : pairs) {
    const auto [name, value] = pair.cast<std::pair<std::string, py::object>>();
    // std::string takes both, text as UTF-8.
    metadata.emplace_back(name, value.cast<std::string>());
  }
  return metadata;
}

py::tuple accepted_names(grpc::EncodingSet accepted) {
  py::list names;
  for (const grpc::Encoding encoding : {grpc::Encoding::kDeflate, grpc::Encoding::kGzip}) {
    if (accepted.has(encoding)) names.append(std::string(grpc::name_of(encoding)));
  }
  return py::tuple(names);
}

py::object seconds_of(base::Nanos moment) {
  if (moment == base::kNever) return py::none();
  return py::float_(static_cast<double>(moment) / static_cast<double>(base::kSecond));
}

py::tuple told(HostedEvent& event) {
  const auto kind = static_cast<int>(event.kind);
  switch (event.kind) {
    case HostedEvent::Kind::kBegin:
      return py::make_tuple(kind, event.call, text_of(event.path), metadata_of(event.metadata),
                            seconds_of(event.deadline_ns), event.peer,
                            accepted_names(event.accepted));
    case HostedEvent::Kind::kMessage:
      return py::make_tuple(kind, event.call, bytes_of(event.message.bytes), event.was_compressed);
    case HostedEvent::Kind::kHalfClose: return py::make_tuple(kind, event.call);
    case HostedEvent::Kind::kWritten: return py::make_tuple(kind, event.call, event.bytes);
    case HostedEvent::Kind::kEnd: break;
  }
  return py::make_tuple(kind, event.call, static_cast<int>(event.end.code), text_of(event.end.why));
}

grpc::Encoding encoding_of(const std::string& name) {
  const auto known = grpc::encoding_named(name);
  if (known) return *known;
  raise({base::Code::kInvalidArgument,
         "encoding: one of identity, deflate, gzip is wanted, got " + name});
}

}  // namespace

void ControlBridge::host(const std::vector<std::string>& paths, bool takes_any) {
  bridge_.host(serving::HostedMethods({paths.begin(), paths.end()}, takes_any));
}

py::list ControlBridge::take() {
  bridge_.take(events_);
  py::list events(events_.size());
  for (std::size_t i = 0; i < events_.size(); ++i) events[i] = told(events_[i]);
  events_.clear();  // and with them the messages' memory
  return events;
}

void ControlBridge::send_headers(std::uint64_t call, const py::iterable& metadata,
                                 const std::string& encoding) {
  commands_.push_back({.kind = HostedCommand::Kind::kHeaders,
                       .call = call,
                       .metadata = metadata_of(metadata),
                       .encoding = encoding_of(encoding)});
}

void ControlBridge::send_message(std::uint64_t call, const py::bytes& message, bool is_compressed) {
  // What protobuf can hold, and gRPC's frames with it.
  constexpr std::size_t kMessageBytesMax = (std::size_t{1} << 31) - 1;
  const std::string_view bytes = message;
  if (bytes.size() > kMessageBytesMax) {
    raise({base::Code::kResourceExhausted, "a message of " + std::to_string(bytes.size()) +
                                               " bytes is larger than the 2 GiB that gRPC takes"});
  }
  const auto block = base::Buffer::try_allocate(grpc::kFramePrefixBytes + bytes.size());
  if (!block) throw std::bad_alloc();
  std::memcpy(block.data() + grpc::kFramePrefixBytes, bytes.data(), bytes.size());
  commands_.push_back({.kind = HostedCommand::Kind::kMessage,
                       .call = call,
                       .message = {block, block.bytes()},
                       .is_compressed = is_compressed});
}

void ControlBridge::consumed(std::uint64_t call, std::size_t messages, std::size_t bytes) {
  commands_.push_back(
      {.kind = HostedCommand::Kind::kConsumed, .call = call, .messages = messages, .bytes = bytes});
}

void ControlBridge::finish(std::uint64_t call, int code, std::string details,
                           const py::iterable& metadata) {
  constexpr int kCodeMax = static_cast<int>(base::Code::kUnauthenticated);
  if (code < 0 || code > kCodeMax) {
    raise({base::Code::kInvalidArgument,
           "code: one of gRPC's, 0 to 16, is wanted, got " + std::to_string(code)});
  }
  commands_.push_back({.kind = HostedCommand::Kind::kFinish,
                       .call = call,
                       .metadata = metadata_of(metadata),
                       .status = {static_cast<base::Code>(code), std::move(details)}});
}

bool ControlBridge::flush() {
  const std::size_t sent = bridge_.send(commands_);
  commands_.erase(commands_.begin(), commands_.begin() + static_cast<std::ptrdiff_t>(sent));
  return commands_.empty();
}

void bind_control_bridge(py::module_& module) {
  py::class_<ControlBridge>(module, "ControlBridge")
      .def_property_readonly("fd", &ControlBridge::fd)
      .def("host", &ControlBridge::host, py::arg("paths"), py::arg("takes_any"))
      .def("take", &ControlBridge::take)
      .def("send_headers", &ControlBridge::send_headers, py::arg("call"), py::arg("metadata"),
           py::arg("encoding"))
      .def("send_message", &ControlBridge::send_message, py::arg("call"), py::arg("message"),
           py::arg("is_compressed"))
      .def("consumed", &ControlBridge::consumed, py::arg("call"), py::arg("messages"),
           py::arg("size"))
      .def("finish", &ControlBridge::finish, py::arg("call"), py::arg("code"), py::arg("details"),
           py::arg("metadata"))
      .def("flush", &ControlBridge::flush);
}

}  // namespace penstock::bindings
