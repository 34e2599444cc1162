// SPDX-License-Identifier: Apache-2.0
#include "model/ort_runtime.h"

#include <dlfcn.h>

#include <algorithm>
#include <charconv>

namespace penstock::model {
namespace {

using base::Code;
using base::fail;

base::Result<void*> open_shared(const std::string& path, int scope) {
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | scope);
  if (library != nullptr) return library;
  const char* const why = ::dlerror();
  return fail(Code::kNotFound, "could not open the library '" + path +
                                   "': " + (why == nullptr ? "no reason given" : why));
}

// The second number of "1.32.0"; 0 if there is none.
std::uint32_t minor_of(std::string_view version) {
  const std::size_t dot = version.find('.');
  std::uint32_t minor = 0;
  if (dot != std::string_view::npos) {
    std::from_chars(version.data() + dot + 1, version.data() + version.size(), minor);
  }
  return minor;
}

Code code_of(int code) {
  switch (code) {
    case ort::kBadArgument: return Code::kInvalidArgument;
    case ort::kNoSuchFile: return Code::kNotFound;
    case ort::kNotImplemented: return Code::kUnimplemented;
    default: return Code::kInternal;
  }
}

// The library has no code of its own for it: it says what its allocators threw.
bool is_about_memory(std::string_view why) {
  return why.find("std::bad_alloc") != std::string_view::npos ||
         why.find("Failed to allocate memory") != std::string_view::npos;
}

void log_line(void* sink, int severity, const char* /*category*/, const char* log_id,
              const char* /*code_location*/, const char* message) {
  std::string line = log_id == nullptr ? "" : log_id;
  if (!line.empty()) line += ": ";
  if (message != nullptr) line += message;
  const int known = std::clamp<int>(severity, ort::kVerbose, ort::kFatal);
  (*static_cast<const OrtRuntime::Log*>(sink))(static_cast<ort::Severity>(known), line);
}

}  // namespace

base::Result<std::unique_ptr<OrtRuntime>> OrtRuntime::open(Settings settings) {
  std::unique_ptr<OrtRuntime> runtime(new OrtRuntime(std::move(settings)));
  if (auto done = runtime->open_library(); !done) return std::unexpected(done.error());
  if (auto done = runtime->make_env(); !done) return std::unexpected(done.error());
  if (auto done = runtime->list_providers(); !done) return std::unexpected(done.error());
  return runtime;
}

OrtRuntime::~OrtRuntime() {
  if (cpu_memory_ != nullptr) call(ort::kReleaseMemoryInfo, cpu_memory_);
  if (env_ != nullptr) call(ort::kReleaseEnv, env_);
}

base::Result<> OrtRuntime::open_library() {
  for (const std::string& path : settings_.preloads) {
    if (auto library = open_shared(path, RTLD_GLOBAL); !library) {
      return std::unexpected(library.error());
    }
  }
  const auto library = open_shared(settings_.library, RTLD_LOCAL);
  if (!library) return std::unexpected(library.error());

  using Door = const ort::ApiBase* (*)();
  const auto door = reinterpret_cast<Door>(::dlsym(*library, "OrtGetApiBase"));
  if (door == nullptr) {
    return fail(Code::kInvalidArgument,
                "'" + settings_.library + "' is not ONNX Runtime: it has no OrtGetApiBase");
  }
  version_ = door()->version();
  // Asking an older library for a table it lacks makes it print to stderr, so look first.
  if (minor_of(version_) >= ort::kTableVersion) table_ = door()->table(ort::kTableVersion);
  if (table_ == nullptr) {
    return fail(Code::kFailedPrecondition,
                "'" + settings_.library + "' is onnxruntime " + version_ + "; 1." +
                    std::to_string(ort::kTableVersion) + " or later is needed");
  }
  return {};
}

base::Result<> OrtRuntime::make_env() {
  constexpr std::string_view kDoing = "make its environment";
  auto done = settings_.log
                  ? attempt(kDoing, ort::kCreateEnvWithCustomLogger, &log_line, &settings_.log,
                            settings_.log_severity, "onnxruntime", &env_)
                  : attempt(kDoing, ort::kCreateEnv, settings_.log_severity, "onnxruntime", &env_);
  if (!done) return done;
  done = attempt(kDoing, ort::kGetAllocatorWithDefaultOptions, &allocator_);
  if (!done) return done;
  return attempt(kDoing, ort::kCreateCpuMemoryInfo, ort::kDeviceAllocator, ort::kDefaultMemory,
                 &cpu_memory_);
}

base::Result<> OrtRuntime::list_providers() {
  char** names = nullptr;
  int count = 0;
  const auto done =
      attempt("list its execution providers", ort::kGetAvailableProviders, &names, &count);
  if (!done) return done;
  providers_.assign(names, names + count);
  return attempt("free a list", ort::kReleaseAvailableProviders, names, count);
}

base::Error OrtRuntime::take_error(std::string_view doing, ort::Status* status) const {
  std::string why = "onnxruntime could not ";
  why += doing;
  why += ": ";
  why += call(ort::kGetErrorMessage, status);
  std::ranges::replace(why, '\n', ' ');
  const Code code =
      is_about_memory(why) ? Code::kResourceExhausted : code_of(call(ort::kGetErrorCode, status));
  call(ort::kReleaseStatus, status);
  return base::Error{code, std::move(why)};
}

}  // namespace penstock::model
