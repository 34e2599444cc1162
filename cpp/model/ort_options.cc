// SPDX-License-Identifier: Apache-2.0
#include "model/ort_options.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace penstock::model {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::string_view kProviderSuffix = "ExecutionProvider";
constexpr std::string_view kCuda = "CUDAExecutionProvider";
constexpr std::string_view kTensorRt = "TensorrtExecutionProvider";
constexpr std::string_view kCpu = "CPUExecutionProvider";

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

bool names_provider(std::string_view name, std::string_view provider) {
  return lower(name) == lower(provider) || lower(name) + lower(kProviderSuffix) == lower(provider);
}

// Settings as the two parallel arrays that the library takes.
struct KeysAndValues {
  explicit KeysAndValues(const OrtSettings& settings) {
    for (const auto& [key, value] : settings) {
      keys.push_back(key.c_str());
      values.push_back(value.c_str());
    }
  }
  std::vector<const char*> keys;
  std::vector<const char*> values;
};

template <class Options, class Create, class Update, class Append>
Result<> append_with_options(const OrtRuntime& runtime, ort::SessionOptions* session,
                             const OrtProvider& provider, Create create, Update update,
                             Append append) {
  const KeysAndValues given(provider.settings);
  Options options(runtime);
  auto done = runtime.attempt("make options for " + provider.name, create, options.receive());
  if (done && !given.keys.empty()) {
    done = runtime.attempt("set the options of " + provider.name, update, options.get(),
                           given.keys.data(), given.values.data(), given.keys.size());
  }
  if (!done) return done;
  return runtime.attempt("use " + provider.name, append, session, options.get());
}

// The name that the library's general function takes: the first part, which a few providers have
// in capitals there.
std::string short_name(std::string_view provider) {
  constexpr std::array<std::string_view, 4> kCapitals = {"Azure", "Qnn", "Snpe", "Xnnpack"};
  std::string name(provider.substr(0, provider.size() - kProviderSuffix.size()));
  if (std::ranges::find(kCapitals, name) != kCapitals.end()) {
    for (char& c : name) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
  }
  return name;
}

Result<> append_provider(const OrtRuntime& runtime, ort::SessionOptions* session,
                         const OrtProvider& wanted) {
  const auto has = runtime.providers();
  const auto at = std::ranges::find_if(
      has, [&](const std::string& name) { return names_provider(wanted.name, name); });
  if (at == has.end()) {
    std::string why = "this onnxruntime (" + runtime.version() + ") has no execution provider '" +
                      wanted.name + "'; it has";
    for (const std::string& name : has) why += " " + name;
    if (names_provider(wanted.name, kCuda) || names_provider(wanted.name, kTensorRt)) {
      why += "; install onnxruntime-gpu in place of onnxruntime";
    }
    return fail(Code::kFailedPrecondition, std::move(why));
  }
  const OrtProvider provider{*at, wanted.settings};
  if (*at == kCpu) return {};  // always there, and always last
  if (*at == kCuda) {
    return append_with_options<OrtCudaOptions>(runtime, session, provider, ort::kCreateCudaOptions,
                                               ort::kUpdateCudaOptions, ort::kAppendCuda);
  }
  if (*at == kTensorRt) {
    return append_with_options<OrtTensorRtOptions>(
        runtime, session, provider, ort::kCreateTensorRtOptions, ort::kUpdateTensorRtOptions,
        ort::kAppendTensorRt);
  }
  const KeysAndValues given(provider.settings);
  return runtime.attempt("use " + provider.name, ort::kAppendExecutionProvider, session,
                         short_name(provider.name).c_str(), given.keys.data(), given.values.data(),
                         given.keys.size());
}

}  // namespace

Result<OrtSessionOptions> make_session_options(const OrtRuntime& runtime,
                                               const OrtOptions& options) {
  OrtSessionOptions made(runtime);
  auto done = runtime.attempt("make session options", ort::kCreateSessionOptions, made.receive());
  const auto set = [&](std::string_view doing, auto slot, auto... arguments) {
    if (done) done = runtime.attempt(doing, slot, made.get(), arguments...);
  };
  set("set intra_op_thread_count", ort::kSetIntraOpNumThreads, options.intra_op_threads);
  set("set inter_op_thread_count", ort::kSetInterOpNumThreads, options.inter_op_threads);
  set("set execution_mode", ort::kSetSessionExecutionMode, options.runs_parallel ? 1 : 0);
  set("set optimization.graph.level", ort::kSetSessionGraphOptimizationLevel,
      static_cast<int>(options.graph_level));
  if (!options.has_arena) set("set enable_mem_arena", ort::kDisableCpuMemArena);
  if (!options.has_memory_plan) set("set enable_mem_pattern", ort::kDisableMemPattern);
  if (!options.log_id.empty()) {
    set("set the log id", ort::kSetSessionLogId, options.log_id.c_str());
  }
  for (const auto& [key, value] : options.config_entries) {
    set("set '" + key + "'", ort::kAddSessionConfigEntry, key.c_str(), value.c_str());
  }
  for (const OrtProvider& provider : options.providers) {
    if (done) done = append_provider(runtime, made.get(), provider);
  }
  if (!done) return std::unexpected(done.error());
  return made;
}

}  // namespace penstock::model
