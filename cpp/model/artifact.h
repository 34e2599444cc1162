// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/error.h"
#include "model/artifact_steps.h"
#include "model/still_file.h"

// A compiled model as its file has it (docs/native.md draws the file). Reading one runs nothing of
// it and believes nothing of it: whatever the bytes are, what comes out satisfies check_artifact(),
// or it is refused with one sentence.
//
// The file is mapped where nobody can change it meanwhile (still_file.h), and let go when the
// kernels have packed what they compute with.
namespace penstock::model {

namespace artifact {

struct Value {
  Kind kind{};
  std::uint32_t width = 0;
};

struct Port {
  std::string_view name{};
  base::DType dtype = base::DType::kFp32;
  std::uint32_t value = 0;
  std::vector<std::uint32_t> dims{};
};

struct Step {
  std::vector<std::uint32_t> reads{};
  std::uint32_t writes = 0;
  std::string_view name{};
  What what{};
};

inline constexpr std::size_t kHeadBytes = 64;
inline constexpr std::size_t kBlobAlignment = 64;
inline constexpr std::string_view kMagic{"\x89PNST\r\n\x1a", 8};
inline constexpr std::uint32_t kFormatVersion = 1;

// What a file may hold at most. Values are rows of matrices that a run keeps, so their widths
// bound the memory of one.
inline constexpr std::size_t kManifestBytesMax = std::size_t{256} << 20;
inline constexpr std::size_t kValuesMax = 65536;
inline constexpr std::size_t kStepsMax = 65536;
inline constexpr std::size_t kPortsMax = 4096;
inline constexpr std::uint32_t kWidthMax = std::uint32_t{1} << 24;
inline constexpr std::uint64_t kWidthSumMax = std::uint64_t{1} << 26;
// Steps may share blobs, but each has packed copies: together at most so many times the file.
inline constexpr std::uint64_t kBlobSharingMax = 16;
// 32 bits hold the sum of so many products of u8 and s8.
inline constexpr std::uint32_t kQuantizedInputsMax = 65536;
inline constexpr std::uint32_t kTreeDepthMax = 4096;

}  // namespace artifact

struct Artifact {
  StillFile file;  // what the views below look into
  std::string_view producer{};
  std::string_view source{};
  std::string_view evidence{};
  std::vector<artifact::Value> values{};
  std::vector<artifact::Port> inputs{};
  std::vector<artifact::Port> outputs{};
  std::vector<artifact::Step> steps{};
};

// Holds the file at `path`, and checks all of it. The error begins with the path.
base::Result<Artifact> open_artifact(const std::string& path);

// The same of a file's bytes.
base::Result<Artifact> parse_artifact(StillFile file);

// Whether values, ports and steps hold together, so that running the steps in order on rows of the
// inputs' widths reads and writes nothing but what it should and comes to an end.
base::Result<> check_artifact(const Artifact& artifact);

}  // namespace penstock::model
