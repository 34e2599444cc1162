// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/ort_slots.h"

namespace penstock::model {

// ONNX Runtime in this process: its library, opened at run time, and its one environment.
//
// Made once by the engine and handed to every OrtExecutor; it must outlive them all. Immutable
// after open(), so any thread may use it. The library itself is never closed: it has threads and
// thread-local objects of its own that cannot be told to go. The library counts environments and
// keeps the first one's log, so two runtimes with different logs do not work beside each other.
class OrtRuntime {
 public:
  // Receives the library's log lines on whatever thread logs. Must not throw.
  using Log = std::function<void(ort::Severity, std::string_view line)>;

  struct Settings {
    std::string library{};                // path of libonnxruntime.so.1.x
    std::vector<std::string> preloads{};  // libraries to open before it, in order (CUDA's, cuDNN's)
    ort::Severity log_severity = ort::kWarning;
    Log log{};  // empty: the library writes to stderr
  };
  static base::Result<std::unique_ptr<OrtRuntime>> open(Settings settings);
  ~OrtRuntime();
  OrtRuntime(const OrtRuntime&) = delete;
  OrtRuntime& operator=(const OrtRuntime&) = delete;

  // Calls the function in that slot of the table.
  template <class R, class... P>
  R call(ort::Slot<R(P...)> slot, std::type_identity_t<P>... arguments) const {
    return reinterpret_cast<R (*)(P...)>(table_[slot.number])(arguments...);
  }

  // The same for a function that can fail. `doing` completes "onnxruntime could not ...".
  template <class... P>
  base::Result<> attempt(std::string_view doing, ort::Slot<ort::Status*(P...)> slot,
                         std::type_identity_t<P>... arguments) const {
    ort::Status* const status = call(slot, arguments...);
    if (status == nullptr) [[likely]]
      return {};
    return std::unexpected(take_error(doing, status));
  }

  // The library's version, e.g. "1.32.0".
  const std::string& version() const { return version_; }
  // The execution providers this library was built with, e.g. "CPUExecutionProvider".
  std::span<const std::string> providers() const { return providers_; }
  const ort::Env* env() const { return env_; }
  const ort::MemoryInfo* cpu_memory() const { return cpu_memory_; }
  ort::Allocator* allocator() const { return allocator_; }

 private:
  explicit OrtRuntime(Settings settings) : settings_(std::move(settings)) {}
  base::Result<> open_library();
  base::Result<> make_env();
  base::Result<> list_providers();
  // Consumes `status`.
  base::Error take_error(std::string_view doing, ort::Status* status) const;

  Settings settings_;
  void* const* table_ = nullptr;
  std::string version_;
  std::vector<std::string> providers_;
  ort::Env* env_ = nullptr;
  ort::MemoryInfo* cpu_memory_ = nullptr;
  ort::Allocator* allocator_ = nullptr;  // the library's own; not ours to release
};

// One of the library's objects, released when this goes.
template <class T, auto kRelease>
class OrtOwned {
 public:
  explicit OrtOwned(const OrtRuntime& runtime) : runtime_(&runtime) {}
  OrtOwned(OrtOwned&& other) noexcept
      : runtime_(other.runtime_), object_(std::exchange(other.object_, nullptr)) {}
  OrtOwned& operator=(OrtOwned&& other) noexcept {
    std::swap(runtime_, other.runtime_);
    std::swap(object_, other.object_);
    return *this;
  }
  ~OrtOwned() {
    if (object_ != nullptr) runtime_->call(kRelease, object_);
  }

  T* get() const { return object_; }
  // Where a function of the table writes the object it makes.
  T** receive() { return &object_; }

 private:
  const OrtRuntime* runtime_;
  T* object_ = nullptr;
};

using OrtSessionOptions = OrtOwned<ort::SessionOptions, ort::kReleaseSessionOptions>;
using OrtSession = OrtOwned<ort::Session, ort::kReleaseSession>;
using OrtRunOptions = OrtOwned<ort::RunOptions, ort::kReleaseRunOptions>;
using OrtTypeInfo = OrtOwned<ort::TypeInfo, ort::kReleaseTypeInfo>;
using OrtTensorInfo = OrtOwned<ort::TensorInfo, ort::kReleaseTensorInfo>;
using OrtCudaOptions = OrtOwned<ort::CudaOptions, ort::kReleaseCudaOptions>;
using OrtTensorRtOptions = OrtOwned<ort::TensorRtOptions, ort::kReleaseTensorRtOptions>;

}  // namespace penstock::model
