// SPDX-License-Identifier: Apache-2.0
#include "model/ort_options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace penstock::model {
namespace {

using base::Code;
using base::fail;
using base::Result;

std::unexpected<base::Error> refuse(std::string_view name, std::string_view value,
                                    std::string_view wanted) {
  return fail(Code::kInvalidArgument, "parameter '" + std::string(name) + "' is '" +
                                          std::string(value) + "'; " + std::string(wanted) +
                                          " is wanted");
}

Result<> read_count(std::string_view name, std::string_view value, int& to) {
  const char* const end = value.data() + value.size();
  int count = 0;
  const auto [stop, error] = std::from_chars(value.data(), end, count);
  if (error != std::errc{} || stop != end || count < 0) {
    return refuse(name, value, "a whole number that is not negative");
  }
  to = count;
  return {};
}

Result<> read_switch(std::string_view name, std::string_view value, bool& to) {
  if (value == "1" || value == "true") {
    to = true;
  } else if (value == "0" || value == "false") {
    to = false;
  } else {
    return refuse(name, value, "1, 0, true or false");
  }
  return {};
}

bool is_config_entry(std::string_view name) {
  constexpr std::array<std::string_view, 4> kFamilies = {"session.", "ep.", "optimization.",
                                                         "mlas."};
  return std::ranges::any_of(kFamilies,
                             [&](std::string_view family) { return name.starts_with(family); });
}

Result<> read_parameter(std::string_view name, std::string_view value, OrtOptions& options) {
  if (name == "intra_op_thread_count") return read_count(name, value, options.intra_op_threads);
  if (name == "inter_op_thread_count") return read_count(name, value, options.inter_op_threads);
  if (name == "execution_mode") return read_switch(name, value, options.runs_parallel);
  if (name == "enable_mem_arena") return read_switch(name, value, options.has_arena);
  if (name == "enable_mem_pattern") return read_switch(name, value, options.has_memory_plan);
  if (name == "memory.enable_memory_arena_shrinkage") {
    options.run_entries.emplace_back(name, value);
  } else if (is_config_entry(name)) {
    options.config_entries.emplace_back(name, value);
  }
  return {};
}

Result<> read_graph_level(std::int32_t level, OrtOptions& options) {
  switch (level) {
    case -1: options.graph_level = ort::kBasic; return {};
    case 0: options.graph_level = ort::kAllOptimizations; return {};
    case 1: options.graph_level = ort::kExtended; return {};
    case 2: options.graph_level = ort::kNoOptimization; return {};
    default:
      return fail(Code::kInvalidArgument,
                  "optimization.graph.level is " + std::to_string(level) +
                      "; -1 (basic), 1 (extended), 2 (none) or 0 (all) is wanted");
  }
}

// --- providers ---------------------------------------------------------------------------------

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

// Triton's names for TensorRT's options; all others are TensorRT's own.
OrtSettings tensorrt_settings(const OrtSettings& given) {
  OrtSettings settings;
  for (const auto& [key, value] : given) {
    if (key == "precision_mode") {
      if (value == "FP16") settings.emplace_back("trt_fp16_enable", "1");
      if (value == "INT8") settings.emplace_back("trt_int8_enable", "1");
    } else if (key == "max_workspace_size_bytes") {
      settings.emplace_back("trt_max_workspace_size", value);
    } else if (key.starts_with("int8_")) {
      settings.emplace_back("trt_" + key, value);
    } else {
      settings.emplace_back(key, value);
    }
  }
  return settings;
}

// Triton still takes these CUDA options as parameters of the model, the first two as numbers.
OrtSettings cuda_parameters(const OrtSettings& parameters) {
  constexpr std::array<std::string_view, 3> kSearches = {"EXHAUSTIVE", "HEURISTIC", "DEFAULT"};
  constexpr std::array<std::string_view, 2> kStrategies = {"kNextPowerOfTwo", "kSameAsRequested"};
  const auto spelled = [](const std::string& value, const auto& spellings) {
    const bool is_index = value.size() == 1 && value[0] >= '0' &&
                          static_cast<std::size_t>(value[0] - '0') < spellings.size();
    return is_index ? std::string(spellings[static_cast<std::size_t>(value[0] - '0')]) : value;
  };
  OrtSettings settings;
  for (const auto& [key, value] : parameters) {
    if (key == "cudnn_conv_algo_search") {
      settings.emplace_back(key, spelled(value, kSearches));
    } else if (key == "arena_extend_strategy") {
      settings.emplace_back(key, spelled(value, kStrategies));
    } else if (key == "gpu_mem_limit" || key == "do_copy_in_default_stream") {
      settings.emplace_back(key, value);
    }
  }
  return settings;
}

std::vector<OrtProvider> providers_from(const OrtConfig& config) {
  std::vector<OrtProvider> providers;
  if (config.gpu) {
    const std::pair<std::string, std::string> device("device_id", std::to_string(*config.gpu));
    OrtProvider cuda{std::string(kCuda), cuda_parameters(config.parameters)};
    for (const OrtProvider& given : config.gpu_accelerators) {
      if (names_provider(given.name, kCuda)) {
        cuda.settings.insert(cuda.settings.end(), given.settings.begin(), given.settings.end());
        continue;
      }
      OrtProvider provider = given;
      if (names_provider(given.name, kTensorRt)) {
        provider.settings = tensorrt_settings(given.settings);
        provider.settings.push_back(device);
      }
      providers.push_back(std::move(provider));
    }
    // CUDA takes what the others leave.
    cuda.settings.push_back(device);
    providers.push_back(std::move(cuda));
  }
  providers.insert(providers.end(), config.cpu_accelerators.begin(), config.cpu_accelerators.end());
  return providers;
}

// --- the library's form ------------------------------------------------------------------------

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

Result<OrtOptions> ort_options_from(const OrtConfig& config) {
  OrtOptions options;
  for (const auto& [name, value] : config.parameters) {
    if (auto done = read_parameter(name, value, options); !done) {
      return std::unexpected(done.error());
    }
  }
  if (auto done = read_graph_level(config.graph_level, options); !done) {
    return std::unexpected(done.error());
  }
  options.providers = providers_from(config);
  return options;
}

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
