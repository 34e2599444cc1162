// SPDX-License-Identifier: Apache-2.0
// ONNX Runtime by its C API, opened from the installed wheel. The wheel has the library and no
// header, but the API is one table of functions that only ever grows at its end, so a function is
// its place in the table.
//
// Laws: INPUT0 -> OUTPUT0, FP32, both bound to the caller's memory; one intra-op thread unless told
// otherwise; `run` may be called from several threads at once. A failure ends the program.
#pragma once

#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>

namespace rivals {

class OrtSession {
 public:
  OrtSession(const std::string& library, const std::string& model, int threads) {
    void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) fail(dlerror());
    void* entry = dlsym(handle, "OrtGetApiBase");
    if (entry == nullptr) fail(dlerror());
    const Base* base = reinterpret_cast<const Base* (*)()>(entry)();
    table_ = base->get_api(1);
    void* environment = nullptr;
    void* options = nullptr;
    check(call(kCreateEnv, 3, "rival", &environment));
    check(call(kCreateSessionOptions, &options));
    check(call(kSetIntraOpNumThreads, options, threads));
    check(call(kSetInterOpNumThreads, options, 1));
    check(call(kCreateSession, environment, model.c_str(), options, &session_));
    check(call(kCreateCpuMemoryInfo, 1, 0, &memory_));
  }

  // Aligned as ONNX Runtime wants FP32 (4 bytes); the spans' sizes are those of the shapes.
  void run(std::span<const float> input, std::span<const int64_t> input_shape,
           std::span<float> output, std::span<const int64_t> output_shape) {
    void* input_value = value(const_cast<float*>(input.data()), input.size_bytes(), input_shape);
    void* output_value = value(output.data(), output.size_bytes(), output_shape);
    const char* input_name = "INPUT0";
    const char* output_name = "OUTPUT0";
    const void* run_options = nullptr;
    check(call(kRun, session_, run_options, &input_name, &input_value, size_t{1}, &output_name,
               size_t{1}, &output_value));
    release(kReleaseValue, output_value);
    release(kReleaseValue, input_value);
  }

  // Memory that is run over again and again, as tensors that are made once. Never released.
  struct Bound {
    void* input;
    void* output;
  };
  Bound bind(std::span<const float> input, std::span<const int64_t> input_shape,
             std::span<float> output, std::span<const int64_t> output_shape) {
    return {value(const_cast<float*>(input.data()), input.size_bytes(), input_shape),
            value(output.data(), output.size_bytes(), output_shape)};
  }
  void run(Bound& bound) {
    const char* input_name = "INPUT0";
    const char* output_name = "OUTPUT0";
    const void* run_options = nullptr;
    check(call(kRun, session_, run_options, &input_name, &bound.input, size_t{1}, &output_name,
               size_t{1}, &bound.output));
  }

 private:
  struct Base {
    void** (*get_api)(uint32_t version);
    const char* (*get_version)();
  };

  // Places in version 1 of the OrtApi table.
  enum Place : size_t {
    kGetErrorMessage = 2,
    kCreateEnv = 3,
    kCreateSession = 7,
    kRun = 9,
    kCreateSessionOptions = 10,
    kSetIntraOpNumThreads = 24,
    kSetInterOpNumThreads = 25,
    kCreateTensorWithDataAsOrtValue = 49,
    kCreateCpuMemoryInfo = 69,
    kReleaseValue = 96,
  };

  template <class... Arguments>
  void* call(Place place, Arguments... arguments) {
    return reinterpret_cast<void* (*)(Arguments...)>(table_[place])(arguments...);
  }

  void release(Place place, void* thing) {
    reinterpret_cast<void (*)(void*)>(table_[place])(thing);
  }

  void* value(float* data, size_t bytes, std::span<const int64_t> shape) {
    constexpr int kFloat = 1;
    void* made = nullptr;
    check(call(kCreateTensorWithDataAsOrtValue, memory_, static_cast<void*>(data), bytes,
               shape.data(), shape.size(), kFloat, &made));
    return made;
  }

  [[noreturn]] static void fail(const char* why) {
    std::fprintf(stderr, "onnxruntime: %s\n", why);
    std::exit(1);
  }

  void check(void* status) {
    if (status == nullptr) return;
    fail(reinterpret_cast<const char* (*)(void*)>(table_[kGetErrorMessage])(status));
  }

  void** table_ = nullptr;
  void* session_ = nullptr;
  void* memory_ = nullptr;
};

}  // namespace rivals
