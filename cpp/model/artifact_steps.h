// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

// The steps of a compiled model, field for field as proto/native_artifact.proto has them and
// explains them. Enumerations keep whatever number the file has: check_artifact() knows which are
// good. Spans and texts are views into the file.
namespace penstock::model::artifact {

using Bytes = std::span<const std::byte>;

// The elements of a blob. A blob lies at a multiple of 64 of a block that is aligned so.
template <class T>
std::span<const T> elements(Bytes bytes) {
  return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
}

enum class Kind : std::uint32_t { kFloat32 = 1, kFloat64 = 2, kInt64 = 3, kText = 4 };

struct Convert {};

struct Affine {
  Bytes offset{};
  Bytes scale{};
};

enum class Norm : std::uint32_t { kL1 = 1, kL2 = 2, kMax = 3 };
struct Normalize {
  Norm norm{};
};

struct Impute {
  double missing = 0;
  Bytes replacement{};
};

struct OneHot {
  std::vector<std::uint32_t> counts{};
  Bytes categories{};
};

struct Lookup {
  Bytes keys{};
  Bytes values{};
  Bytes otherwise{};
};

struct Concat {};

struct Select {
  std::vector<std::uint32_t> columns{};
};

enum class Function : std::uint32_t {
  kIdentity = 0,
  kRelu = 1,
  kLeakyRelu = 2,
  kSigmoid = 3,
  kTanh = 4,
  kClip = 5,
  kSoftmax = 6,
  kExp = 7,
  kLog1pExp = 8,
  kSoftmaxZero = 9,
  kProbit = 10,
  kSignSquare = 11,
  kOverSum = 12,
};
struct Activation {
  Function function = Function::kIdentity;
  float alpha = 0;
  float beta = 0;
};

enum class Weights : std::uint32_t { kFp32 = 1, kBf16 = 2, kS8 = 3, kU4 = 4 };
struct StaticInput {
  float scale = 0;
  std::uint32_t zero_point = 0;
};
struct Dense {
  Weights weights{};
  Bytes weight{};
  Bytes scale{};
  std::uint32_t group = 0;
  Bytes bias{};  // may be empty: zeros
  Activation activation{};
  std::optional<StaticInput> input{};
};

enum class Sum : std::uint32_t { kInFloat = 1, kInDouble = 2, kInAnyOrder = 3 };
// Bits of Forest::flags.
inline constexpr std::uint8_t kIsLeaf = 1;
inline constexpr std::uint8_t kIsCategoryTest = 2;
inline constexpr std::uint8_t kMissingGoesLeft = 4;
inline constexpr unsigned kMissingShift = 3;
inline constexpr std::uint8_t kMissingMask = 3;
enum class Missing : std::uint8_t { kNan = 0, kNanAndZero = 1, kNothing = 2 };
struct Forest {
  std::uint32_t features = 0;
  std::uint32_t targets = 0;
  Bytes roots{};
  Bytes feature{};
  Bytes threshold{};
  Bytes left{};
  Bytes right{};
  Bytes flags{};
  Bytes leaf_values{};
  bool leaves_are_rows = false;
  Bytes category_words{};
  Bytes base{};
  double factor = 0;
  Sum sum{};
};

struct ArgMax {};

struct Threshold {
  double threshold = 0;
  bool is_inclusive = false;
};

struct StringIndex {
  std::vector<std::string_view> strings{};
};

struct Labels {
  std::vector<std::string_view> strings{};
  std::vector<std::int64_t> numbers{};
  std::string_view otherwise_string{};
  std::int64_t otherwise_number = 0;
};

struct Complement {};

struct Onnx {
  Bytes model{};
};

// monostate: of a kind that this version does not know.
using What = std::variant<std::monostate, Convert, Affine, Normalize, Impute, OneHot, Lookup,
                          Concat, Select, Dense, Activation, Forest, ArgMax, Threshold, StringIndex,
                          Labels, Complement, Onnx>;

// The name of a kind of step, such as "Dense".
std::string_view name_of(const What& what);

}  // namespace penstock::model::artifact
