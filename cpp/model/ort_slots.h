// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

// The part of ONNX Runtime's C API that Penstock calls. The Python wheel ships the library without
// a header, but the API is one table of function pointers whose order is frozen: a new version only
// appends. So each function is named here once, with its place in the table and its signature, and
// has a test that a wrong number fails (tests/cpp/test_model_ort_slots.cc).
namespace penstock::model::ort {

// The version of the table that is asked for: onnxruntime 1.24 and later have it.
inline constexpr std::uint32_t kTableVersion = 24;

struct Allocator;
struct CudaOptions;
struct Env;
struct MemoryInfo;
struct RunOptions;
struct Session;
struct SessionOptions;
struct Status;
struct TensorInfo;
struct TensorRtOptions;
struct TypeInfo;
struct Value;

// What the library exports: the door to its table.
struct ApiBase {
  void* const* (*table)(std::uint32_t version);
  const char* (*version)();
};

// The enumerations stand as plain ints in the signatures: the library is C and may return a value
// that this list does not have.
enum ErrorCode : int {
  kFail = 1,
  kBadArgument = 2,
  kNoSuchFile = 3,
  kInvalidProtobuf = 7,
  kNotImplemented = 9,
};
enum Severity : int { kVerbose = 0, kInfo = 1, kWarning = 2, kError = 3, kFatal = 4 };
enum ValueKind : int {
  kUnknownKind = 0,
  kTensor = 1,
  kSequence = 2,
  kMap = 3,
  kOpaque = 4,
  kSparseTensor = 5,
  kOptional = 6,
};
enum GraphLevel : int { kNoOptimization = 0, kBasic = 1, kExtended = 2, kAllOptimizations = 99 };
enum AllocatorKind : int { kDeviceAllocator = 0 };
enum MemoryKind : int { kDefaultMemory = 0 };

using LogFunction = void(void* sink, int severity, const char* category, const char* log_id,
                         const char* code_location, const char* message);

template <class Signature>
struct Slot {
  std::size_t number;
};
using Keys = const char* const*;

// Errors. Every function below that returns a Status* returns null when it did its work.
inline constexpr Slot<Status*(int code, const char* why)> kCreateStatus{0};
inline constexpr Slot<int(const Status*)> kGetErrorCode{1};
inline constexpr Slot<const char*(const Status*)> kGetErrorMessage{2};
inline constexpr Slot<void(Status*)> kReleaseStatus{93};

// Environment: one per process, counted by the library.
inline constexpr Slot<Status*(int severity, const char* log_id, Env**)> kCreateEnv{3};
inline constexpr Slot<Status*(LogFunction*, void* sink, int severity, const char* log_id, Env**)>
    kCreateEnvWithCustomLogger{4};
inline constexpr Slot<void(Env*)> kReleaseEnv{92};
inline constexpr Slot<Status*(Allocator**)> kGetAllocatorWithDefaultOptions{78};
inline constexpr Slot<Status*(Allocator*, void*)> kAllocatorFree{76};
inline constexpr Slot<Status*(int allocator_kind, int memory_kind, MemoryInfo**)>
    kCreateCpuMemoryInfo{69};
inline constexpr Slot<void(MemoryInfo*)> kReleaseMemoryInfo{94};
inline constexpr Slot<Status*(char*** names, int* count)> kGetAvailableProviders{125};
inline constexpr Slot<Status*(char** names, int count)> kReleaseAvailableProviders{126};

// Session options.
inline constexpr Slot<Status*(SessionOptions**)> kCreateSessionOptions{10};
inline constexpr Slot<void(SessionOptions*)> kReleaseSessionOptions{100};
inline constexpr Slot<Status*(SessionOptions*, int mode)> kSetSessionExecutionMode{13};
inline constexpr Slot<Status*(SessionOptions*)> kDisableMemPattern{17};
inline constexpr Slot<Status*(SessionOptions*)> kDisableCpuMemArena{19};
inline constexpr Slot<Status*(SessionOptions*, const char* log_id)> kSetSessionLogId{20};
inline constexpr Slot<Status*(SessionOptions*, int level)> kSetSessionGraphOptimizationLevel{23};
inline constexpr Slot<Status*(SessionOptions*, int threads)> kSetIntraOpNumThreads{24};
inline constexpr Slot<Status*(SessionOptions*, int threads)> kSetInterOpNumThreads{25};
inline constexpr Slot<Status*(SessionOptions*, const char* key, const char* value)>
    kAddSessionConfigEntry{130};

// Execution providers.
inline constexpr Slot<Status*(SessionOptions*, const char* name, Keys keys, Keys values, size_t)>
    kAppendExecutionProvider{216};
inline constexpr Slot<Status*(SessionOptions*, const CudaOptions*)> kAppendCuda{204};
inline constexpr Slot<Status*(CudaOptions**)> kCreateCudaOptions{205};
inline constexpr Slot<Status*(CudaOptions*, Keys keys, Keys values, size_t)> kUpdateCudaOptions{
    206};
inline constexpr Slot<void(CudaOptions*)> kReleaseCudaOptions{208};
inline constexpr Slot<Status*(SessionOptions*, const TensorRtOptions*)> kAppendTensorRt{170};
inline constexpr Slot<Status*(TensorRtOptions**)> kCreateTensorRtOptions{171};
inline constexpr Slot<Status*(TensorRtOptions*, Keys keys, Keys values, size_t)>
    kUpdateTensorRtOptions{172};
inline constexpr Slot<void(TensorRtOptions*)> kReleaseTensorRtOptions{174};

// Sessions and their signatures. Names come from the allocator and go back to it.
inline constexpr Slot<Status*(const Env*, const char* path, const SessionOptions*, Session**)>
    kCreateSession{7};
inline constexpr Slot<Status*(const Env*, const void* bytes, size_t size, const SessionOptions*,
                              Session**)>
    kCreateSessionFromArray{8};
inline constexpr Slot<void(Session*)> kReleaseSession{95};
inline constexpr Slot<Status*(const Session*, size_t* count)> kSessionGetInputCount{30};
inline constexpr Slot<Status*(const Session*, size_t* count)> kSessionGetOutputCount{31};
inline constexpr Slot<Status*(const Session*, size_t* count)> kSessionGetInitializerCount{32};
inline constexpr Slot<Status*(const Session*, size_t, TypeInfo**)> kSessionGetInputType{33};
inline constexpr Slot<Status*(const Session*, size_t, TypeInfo**)> kSessionGetOutputType{34};
inline constexpr Slot<Status*(const Session*, size_t, TypeInfo**)> kSessionGetInitializerType{35};
inline constexpr Slot<Status*(const Session*, size_t, Allocator*, char**)> kSessionGetInputName{36};
inline constexpr Slot<Status*(const Session*, size_t, Allocator*, char**)> kSessionGetOutputName{
    37};
inline constexpr Slot<Status*(const Session*, size_t, Allocator*, char**)>
    kSessionGetInitializerName{38};

// Types and shapes. A dimension of any size reads as -1; its symbol may be empty.
inline constexpr Slot<Status*(const TypeInfo*, int* value_kind)> kGetValueKind{56};
inline constexpr Slot<Status*(const TypeInfo*, const TensorInfo**)> kCastToTensorInfo{55};
inline constexpr Slot<void(TypeInfo*)> kReleaseTypeInfo{98};
inline constexpr Slot<Status*(const TensorInfo*, int* element_type)> kGetElementType{60};
inline constexpr Slot<Status*(const TensorInfo*, size_t* rank)> kGetDimensionsCount{61};
inline constexpr Slot<Status*(const TensorInfo*, std::int64_t* dims, size_t rank)> kGetDimensions{
    62};
inline constexpr Slot<Status*(const TensorInfo*, const char** symbols, size_t rank)>
    kGetSymbolicDimensions{63};
inline constexpr Slot<bool(const TensorInfo*)> kHasShape{390};
inline constexpr Slot<void(TensorInfo*)> kReleaseTensorInfo{99};

// Values.
inline constexpr Slot<Status*(Allocator*, const std::int64_t* dims, size_t rank, int element_type,
                              Value**)>
    kCreateTensor{48};
inline constexpr Slot<Status*(const MemoryInfo*, void* bytes, size_t size, const std::int64_t* dims,
                              size_t rank, int element_type, Value**)>
    kCreateTensorWithData{49};
inline constexpr Slot<Status*(const Value*, int*)> kIsTensor{50};
inline constexpr Slot<Status*(Value*, void** bytes)> kGetTensorData{51};
inline constexpr Slot<Status*(const Value*, TensorInfo**)> kGetTensorInfo{65};
inline constexpr Slot<Status*(const Value*, size_t* bytes)> kGetStringBytes{53};
inline constexpr Slot<Status*(const Value*, size_t index, size_t* bytes)> kGetStringLength{127};
inline constexpr Slot<Status*(const Value*, size_t bytes, size_t index, void* to)> kGetString{128};
inline constexpr Slot<Status*(Value*, size_t index, size_t bytes, char** to)> kResizeString{252};
inline constexpr Slot<void(Value*)> kReleaseValue{96};

// Running.
inline constexpr Slot<Status*(RunOptions**)> kCreateRunOptions{39};
inline constexpr Slot<Status*(RunOptions*, const char* key, const char* value)> kAddRunConfigEntry{
    165};
inline constexpr Slot<void(RunOptions*)> kReleaseRunOptions{97};
inline constexpr Slot<Status*(Session*, const RunOptions*, Keys input_names,
                              const Value* const* inputs, size_t, Keys output_names, size_t,
                              Value** outputs)>
    kRun{9};

}  // namespace penstock::model::ort
