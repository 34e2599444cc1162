// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>
#include <string>

#include "base/tensor.h"
#include "base/text.h"
#include "model/artifact.h"
#include "model/artifact_step_checks.h"

namespace penstock::model {
namespace artifact {
namespace {

using base::Result;

std::string named(std::string_view role, std::string_view name) {
  return std::string(role) + " " + base::quote(name, '\'');
}

// "step 3 'fc1' (Dense)"
std::string named_step(const Artifact& artifact, std::size_t place) {
  const Step& step = artifact.steps[place];
  std::string text = "step " + std::to_string(place);
  if (!step.name.empty()) text += " " + base::quote(step.name, '\'');
  return text + " (" + std::string(name_of(step.what)) + ")";
}

Result<> check_values(const Artifact& artifact) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < artifact.values.size(); ++i) {
    const Value& value = artifact.values[i];
    if (!is_number(value.kind) && value.kind != Kind::kText) {
      return refuse("value " + std::to_string(i) + " is of kind " +
                    std::to_string(static_cast<std::uint32_t>(value.kind)) +
                    ", which this version does not know: update Penstock");
    }
    if (value.width == 0 || value.width > kWidthMax) {
      return refuse("value " + std::to_string(i) + " has width " + std::to_string(value.width) +
                    ": wanted 1 to " + std::to_string(kWidthMax));
    }
    sum += value.width;
  }
  if (sum <= kWidthSumMax) return {};
  return refuse("its values have " + std::to_string(sum) + " columns together: wanted at most " +
                std::to_string(kWidthSumMax));
}

bool can_carry(base::DType dtype, Kind kind) {
  switch (dtype) {
    case base::DType::kFp32:
    case base::DType::kFp64:
    case base::DType::kInt32:
    case base::DType::kInt64:
    case base::DType::kUint8:
    case base::DType::kBool: return is_number(kind);
    case base::DType::kBytes: return kind == Kind::kText;
    default: return false;
  }
}

Result<> check_port(const Artifact& artifact, const Port& port, const std::string& who) {
  if (port.name.empty() || !base::is_utf8(port.name)) {
    return refuse(who + " needs a name in UTF-8");
  }
  if (port.value >= artifact.values.size()) {
    return refuse(who + " is value " + std::to_string(port.value) + " of " +
                  std::to_string(artifact.values.size()));
  }
  const Value& value = artifact.values[port.value];
  if (!can_carry(port.dtype, value.kind)) {
    return refuse(who + " is " + std::string(base::name_of(port.dtype)) + " and its value " +
                  std::string(name_of(value.kind)) +
                  ": wanted BYTES for TEXT, and FP32, FP64, INT32, INT64, UINT8 or BOOL otherwise");
  }
  // One more dimension, the batch's, stands before them.
  if (port.dims.size() >= base::kRankMax) {
    return refuse(who + " has " + std::to_string(port.dims.size()) +
                  " dimensions: wanted fewer than " + std::to_string(base::kRankMax));
  }
  std::uint64_t width = 1;
  for (const std::uint32_t dim : port.dims) {
    width = std::min<std::uint64_t>(width * dim, UINT32_MAX);
  }
  if (width == value.width) return {};
  return refuse(who + " has dims of " + std::to_string(width) + " elements, but its value has " +
                std::to_string(value.width));
}

class ArtifactCheck {
 public:
  explicit ArtifactCheck(const Artifact& artifact)
      : artifact_(artifact), is_written_(artifact.values.size()) {}

  Result<> run() {
    if (artifact_.inputs.empty() || artifact_.outputs.empty()) {
      return refuse("it has " + std::to_string(artifact_.inputs.size()) + " inputs and " +
                    std::to_string(artifact_.outputs.size()) +
                    " outputs: wanted at least one of each");
    }
    if (auto checked = check_values(artifact_); !checked) return checked;
    for (const Port& port : artifact_.inputs) {
      const std::string who = named("input", port.name);
      if (auto checked = check_one_port(port, who); !checked) return checked;
      if (auto checked = write(port.value, who); !checked) return checked;
    }
    for (std::size_t i = 0; i < artifact_.steps.size(); ++i) {
      if (auto checked = check_one_step(i); !checked) return checked;
    }
    for (const Port& port : artifact_.outputs) {
      const std::string who = named("output", port.name);
      if (auto checked = check_one_port(port, who); !checked) return checked;
      if (!is_written_[port.value]) {
        return refuse(who + " is value " + std::to_string(port.value) + ", which nothing writes");
      }
    }
    return {};
  }

 private:
  Result<> check_one_port(const Port& port, const std::string& who) {
    if (auto checked = check_port(artifact_, port, who); !checked) return checked;
    if (names_.insert(port.name).second) return {};
    return refuse("it has two tensors called " + base::quote(port.name, '\''));
  }

  Result<> write(std::uint32_t value, const std::string& who) {
    if (value >= is_written_.size()) {
      return refuse(who + " writes value " + std::to_string(value) + " of " +
                    std::to_string(is_written_.size()));
    }
    if (is_written_[value]) {
      return refuse(who + " writes value " + std::to_string(value) + ", which is written already");
    }
    is_written_[value] = true;
    return {};
  }

  Result<> check_one_step(std::size_t place) {
    const Step& step = artifact_.steps[place];
    if (step.reads.empty()) return refuse(named_step(artifact_, place) + " reads nothing");
    reads_.clear();
    for (const std::uint32_t value : step.reads) {
      if (value >= is_written_.size() || !is_written_[value]) {
        return refuse(named_step(artifact_, place) + " reads value " + std::to_string(value) +
                      ", which nothing has written by then");
      }
      reads_.push_back(artifact_.values[value]);
    }
    if (auto checked = write(step.writes, named_step(artifact_, place)); !checked) return checked;
    const auto checked = check_step(step.what, reads_, artifact_.values[step.writes]);
    if (checked) return {};
    return refuse(named_step(artifact_, place) + " " + checked.error().why);
  }

  const Artifact& artifact_;
  std::vector<bool> is_written_;
  std::set<std::string_view> names_;
  std::vector<Value> reads_;  // of the step at hand
};

}  // namespace
}  // namespace artifact

base::Result<> check_artifact(const Artifact& artifact) {
  return artifact::ArtifactCheck(artifact).run();
}

}  // namespace penstock::model
