// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/published.h"
#include "serving/version.h"

namespace penstock::serving {

// One version of one model as requests find it: loaded, asleep (serving/asleep.h), or failed with a
// reason.
struct VersionEntry {
  std::int64_t number = 0;
  std::shared_ptr<Version> version;  // null: asleep or failed
  std::string failure;               // of one that is asleep: why it could not be woken last
  bool is_asleep = false;
  std::uint64_t refusals = 0;  // of one that is asleep: grows each time it could not be woken
};

struct ModelEntry {
  std::vector<VersionEntry> versions;  // ascending
};

// Every model of the server. A value: changing it means publishing another.
class VersionTable {
 public:
  // The version that a request names; an empty text means the highest one loaded or asleep.
  // kNotFound for what this server does not have, kUnavailable with the reason for what it could
  // not load, and for what is asleep.
  base::Result<Version*> find(std::string_view name, std::string_view version) const;
  const ModelEntry* model(std::string_view name) const;
  const VersionEntry* entry(std::string_view name, std::int64_t number) const;
  // The version that a request names, if it is asleep; else null. An empty text means the highest
  // one that is loaded or asleep.
  const VersionEntry* asleep(std::string_view name, std::string_view version) const;
  // The numbers of a model's versions that are loaded or asleep, ascending.
  std::vector<std::string> loaded_versions(std::string_view name) const;

  // Puts `entry` in place of the same version's, or removes it where it is neither loaded, asleep
  // nor failed. Returns the version that was there before.
  std::shared_ptr<Version> replace(const std::string& name, VersionEntry entry);

  template <class Visit>
  void for_each_model(Visit&& visit) const {
    for (const auto& [name, model] : models_) visit(name);
  }
  template <class Visit>
  void for_each_version(Visit&& visit) const {
    for (const auto& [name, model] : models_) {
      for (const VersionEntry& entry : model.versions) visit(name, entry);
    }
  }

 private:
  std::map<std::string, ModelEntry, std::less<>> models_;
};

using PublishedVersions = base::Published<VersionTable>;

}  // namespace penstock::serving
