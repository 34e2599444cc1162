// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/native_step.h"

namespace penstock::model {
namespace {

class StringIndexStep final : public NativeStep {
 public:
  StringIndexStep(const artifact::Step& step, std::uint32_t width,
                  const artifact::StringIndex& index)
      : reads_(step.reads[0]),
        writes_(step.writes),
        width_(width),
        strings_(index.strings.begin(), index.strings.end()) {
    for (std::size_t i = 0; i < strings_.size(); ++i) {
      places_.emplace(strings_[i], static_cast<std::int64_t>(i));
    }
  }

  void run(const StepFrame& frame, std::size_t rows) const override {
    const auto* const in = frame.read<std::string_view>(reads_);
    auto* const out = frame.write<std::int64_t>(writes_);
    for (std::size_t i = 0; i < rows * width_; ++i) {
      const auto found = places_.find(in[i]);
      out[i] = found == places_.end() ? -1 : found->second;
    }
  }

 private:
  const std::uint32_t reads_;
  const std::uint32_t writes_;
  const std::size_t width_;
  const std::vector<std::string> strings_;
  std::unordered_map<std::string_view, std::int64_t> places_;
};

// The label of each number; what it writes looks into this step.
template <class Label, class Written>
class LabelsStep final : public NativeStep {
 public:
  LabelsStep(const artifact::Step& step, std::uint32_t width, std::vector<Label> labels,
             Label otherwise)
      : reads_(step.reads[0]),
        writes_(step.writes),
        width_(width),
        labels_(std::move(labels)),
        otherwise_(std::move(otherwise)) {}

  void run(const StepFrame& frame, std::size_t rows) const override {
    const auto* const in = frame.read<std::int64_t>(reads_);
    auto* const out = frame.write<Written>(writes_);
    for (std::size_t i = 0; i < rows * width_; ++i) {
      const auto place = static_cast<std::uint64_t>(in[i]);  // a negative one is large
      out[i] = place < labels_.size() ? labels_[place] : otherwise_;
    }
  }

 private:
  const std::uint32_t reads_;
  const std::uint32_t writes_;
  const std::size_t width_;
  const std::vector<Label> labels_;
  const Label otherwise_;
};

}  // namespace

std::unique_ptr<NativeStep> make_text_step(const artifact::Step& step, std::uint32_t width,
                                           const artifact::StringIndex& index) {
  return std::make_unique<StringIndexStep>(step, width, index);
}

std::unique_ptr<NativeStep> make_text_step(const artifact::Step& step, std::uint32_t width,
                                           const artifact::Labels& labels) {
  if (!labels.numbers.empty()) {
    return std::make_unique<LabelsStep<std::int64_t, std::int64_t>>(step, width, labels.numbers,
                                                                    labels.otherwise_number);
  }
  return std::make_unique<LabelsStep<std::string, std::string_view>>(
      step, width, std::vector<std::string>(labels.strings.begin(), labels.strings.end()),
      std::string(labels.otherwise_string));
}

}  // namespace penstock::model
