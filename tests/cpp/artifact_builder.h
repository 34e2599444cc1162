// SPDX-License-Identifier: Apache-2.0
#pragma once

// Writes the files of compiled models, good ones and bad ones, for the tests of cpp/model.

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "base/crc32.h"
#include "model/artifact.h"

namespace penstock::testing {

// A protobuf message, field by field.
class Message {
 public:
  Message& number(std::uint32_t field, std::uint64_t value) {
    varint(std::uint64_t{field} << 3);
    varint(value);
    return *this;
  }
  Message& text(std::uint32_t field, std::string_view value) {
    varint(std::uint64_t{field} << 3 | 2);
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  Message& message(std::uint32_t field, const Message& value) { return text(field, value.bytes_); }
  Message& numbers(std::uint32_t field, const std::vector<std::uint64_t>& values) {
    Message packed;
    for (const std::uint64_t value : values) packed.varint(value);
    return text(field, packed.bytes_);
  }
  Message& real(std::uint32_t field, double value) {
    varint(std::uint64_t{field} << 3 | 1);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Message& real(std::uint32_t field, float value) {
    varint(std::uint64_t{field} << 3 | 5);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

// The numbers of Kind and of the fields of Step.what.
enum : std::uint32_t { kFloat32 = 1, kFloat64 = 2, kInt64 = 3, kText = 4 };
enum : std::uint32_t {
  kConvert = 10,
  kAffine = 11,
  kNormalize = 12,
  kImpute = 13,
  kOneHot = 14,
  kLookup = 15,
  kConcat = 16,
  kSelect = 17,
  kDense = 18,
  kActivation = 19,
  kForest = 20,
  kArgMax = 21,
  kThreshold = 22,
  kStringIndex = 23,
  kLabels = 24,
  kComplement = 25,
  kOnnx = 26,
};

class ArtifactBuilder {
 public:
  std::uint32_t value(std::uint32_t kind, std::uint64_t width) {
    manifest_.message(3, Message().number(1, kind).number(2, width));
    return values_++;
  }
  std::uint32_t input(std::string_view name, std::string_view datatype, std::uint32_t kind,
                      const std::vector<std::uint64_t>& dims) {
    const std::uint32_t made = value(kind, product(dims));
    port(4, name, datatype, made, dims);
    return made;
  }
  void output(std::string_view name, std::string_view datatype, std::uint32_t of,
              const std::vector<std::uint64_t>& dims) {
    port(5, name, datatype, of, dims);
  }
  void port(std::uint32_t field, std::string_view name, std::string_view datatype, std::uint32_t of,
            const std::vector<std::uint64_t>& dims) {
    manifest_.message(field,
                      Message().text(1, name).text(2, datatype).number(3, of).numbers(4, dims));
  }
  // Gives the number of the value that it writes.
  std::uint32_t step(std::uint32_t field, const Message& what,
                     const std::vector<std::uint64_t>& reads, std::uint32_t kind,
                     std::uint64_t width) {
    const std::uint32_t written = value(kind, width);
    raw_step(field, what, reads, written);
    return written;
  }
  void raw_step(std::uint32_t field, const Message& what, const std::vector<std::uint64_t>& reads,
                std::uint64_t writes) {
    Message made = Message().numbers(1, reads).number(2, writes).text(3, "s");
    manifest_.message(6, made.message(field, what));
  }
  // Where the elements lie, as a message Blob.
  template <class T>
  Message blob(const std::vector<T>& elements) {
    blobs_.resize((blobs_.size() + 63) / 64 * 64);
    const std::size_t offset = model::artifact::kHeadBytes + blobs_.size();
    const std::size_t bytes = elements.size() * sizeof(T);
    blobs_.append(reinterpret_cast<const char*>(elements.data()), bytes);
    return Message().number(1, offset).number(2, bytes);
  }
  Message& manifest() { return manifest_; }

  std::string file() const { return whole(blobs_, manifest_.bytes()); }

  // A file of `blobs` with `manifest` behind them, and a head that is right.
  static std::string whole(const std::string& blobs, const std::string& manifest) {
    std::string body = blobs;
    body.resize((body.size() + 63) / 64 * 64);
    const std::uint64_t offset = model::artifact::kHeadBytes + body.size();
    body += manifest;
    const std::uint32_t checksum = base::crc32(std::as_bytes(std::span(body)));
    std::string head(model::artifact::kMagic);
    append<std::uint32_t>(head, model::artifact::kFormatVersion);
    append<std::uint32_t>(head, checksum);
    append<std::uint64_t>(head, model::artifact::kHeadBytes + body.size());
    append<std::uint64_t>(head, offset);
    append<std::uint64_t>(head, manifest.size());
    head.resize(model::artifact::kHeadBytes);
    return head + body;
  }

 private:
  template <class T>
  static void append(std::string& to, T number) {
    to.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  static std::uint64_t product(const std::vector<std::uint64_t>& dims) {
    std::uint64_t width = 1;
    for (const std::uint64_t dim : dims) width *= dim;
    return width;
  }

  Message manifest_;
  std::string blobs_;
  std::uint32_t values_ = 0;
};

inline base::Buffer block_of(std::string_view file) {
  base::Buffer block = base::Buffer::allocate(file.size());
  if (!file.empty()) std::memcpy(block.data(), file.data(), file.size());
  return block;
}

inline base::Result<model::Artifact> parsed(std::string_view file) {
  return model::parse_artifact(model::StillFile(block_of(file)));
}

inline std::string refusal_of(std::string_view file) {
  const auto artifact = parsed(file);
  return artifact ? "it was taken" : artifact.error().why;
}

// y = relu(x w + b), one layer of float32.
inline Message dense(ArtifactBuilder& builder, const std::vector<float>& weight,
                     const std::vector<float>& bias, std::uint32_t function = 1) {
  return Message()
      .number(1, 1)
      .message(2, builder.blob(weight))
      .message(5, builder.blob(bias))
      .message(6, Message().number(1, function));
}

// The nodes of a forest, one list per field.
struct Nodes {
  std::vector<std::uint32_t> roots = {0};
  std::vector<std::uint32_t> feature{};
  std::vector<double> threshold{};
  std::vector<std::uint32_t> left{};
  std::vector<std::uint32_t> right{};
  std::vector<std::uint8_t> flags{};
  std::vector<double> leaf_values{};
  std::vector<std::uint32_t> words{};
  std::vector<double> base = {0.5};
  std::uint32_t features = 2;
  std::uint32_t targets = 1;
  std::uint32_t sum = 2;
  double factor = 1;

  void test(std::uint32_t column, double at, std::uint32_t to_left, std::uint32_t to_right,
            std::uint8_t flag = 0) {
    feature.push_back(column);
    threshold.push_back(at);
    left.push_back(to_left);
    right.push_back(to_right);
    flags.push_back(flag);
  }
  void leaf(double value, std::uint32_t target = 0) {
    test(0, 0, static_cast<std::uint32_t>(leaf_values.size()), target, 1);
    leaf_values.push_back(value);
  }
};

// One tree: x0 <= 1.5 ? (x1 <= -2 ? 10 : 20, missing left) : 30.
inline Nodes small_tree() {
  Nodes nodes;
  nodes.test(0, 1.5, 1, 4);
  nodes.test(1, -2, 2, 3, 4);
  nodes.leaf(10);
  nodes.leaf(20);
  nodes.leaf(30);
  return nodes;
}

inline Message forest(ArtifactBuilder& builder, const Nodes& nodes) {
  return Message()
      .number(1, nodes.features)
      .number(2, nodes.targets)
      .message(3, builder.blob(nodes.roots))
      .message(4, builder.blob(nodes.feature))
      .message(5, builder.blob(nodes.threshold))
      .message(6, builder.blob(nodes.left))
      .message(7, builder.blob(nodes.right))
      .message(8, builder.blob(nodes.flags))
      .message(9, builder.blob(nodes.leaf_values))
      .message(11, builder.blob(nodes.words))
      .message(12, builder.blob(nodes.base))
      .real(13, nodes.factor)
      .number(14, nodes.sum);
}

}  // namespace penstock::testing
