// SPDX-License-Identifier: Apache-2.0
#include "serving/version_table.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/text.h"

namespace penstock::serving {
namespace {

using base::Code;
using base::fail;

base::Error failed(std::string_view name, const VersionEntry& entry) {
  if (entry.is_asleep) {
    return {Code::kUnavailable, "model " + base::quote(name) + " version " +
                                    std::to_string(entry.number) +
                                    " is asleep; an inference request wakes it"};
  }
  return {Code::kUnavailable, "model " + base::quote(name) + " version " +
                                  std::to_string(entry.number) + " is not ready: " + entry.failure};
}

}  // namespace

const ModelEntry* VersionTable::model(std::string_view name) const {
  const auto found = models_.find(name);
  return found == models_.end() ? nullptr : &found->second;
}

base::Result<Version*> VersionTable::find(std::string_view name, std::string_view version) const {
  const ModelEntry* const entry = model(name);
  if (entry == nullptr) {
    // What stands before the semicolon is Triton's: clients look for it.
    return fail(Code::kNotFound, "Request for unknown model: " + base::quote(name, '\'') +
                                     " is not found; this server has no model of that name");
  }
  if (version.empty()) {
    for (auto at = entry->versions.rbegin(); at != entry->versions.rend(); ++at) {
      if (at->version != nullptr) return at->version.get();
      if (at->is_asleep) return std::unexpected(failed(name, *at));
    }
    return std::unexpected(failed(name, entry->versions.back()));
  }
  std::int64_t number = 0;
  const auto [end, error] =
      std::from_chars(version.data(), version.data() + version.size(), number);
  if (error != std::errc() || end != version.data() + version.size()) {
    return fail(Code::kInvalidArgument,
                "model version " + base::quote(version) + " is no whole number");
  }
  const auto found = std::ranges::find(entry->versions, number, &VersionEntry::number);
  if (found == entry->versions.end()) {
    std::string have;
    for (const VersionEntry& one : entry->versions) {
      have += (have.empty() ? "" : ", ") + std::to_string(one.number);
    }
    return fail(Code::kNotFound, "Request for unknown model: " + base::quote(name, '\'') +
                                     " version " + std::to_string(number) +
                                     " is not found; this server has version " + have);
  }
  if (found->version == nullptr) return std::unexpected(failed(name, *found));
  return found->version.get();
}

const VersionEntry* VersionTable::entry(std::string_view name, std::int64_t number) const {
  const ModelEntry* const found = model(name);
  if (found == nullptr) return nullptr;
  const auto at = std::ranges::find(found->versions, number, &VersionEntry::number);
  return at == found->versions.end() ? nullptr : &*at;
}

const VersionEntry* VersionTable::asleep(std::string_view name, std::string_view version) const {
  const ModelEntry* const found = model(name);
  if (found == nullptr) return nullptr;
  for (auto at = found->versions.rbegin(); at != found->versions.rend(); ++at) {
    const bool is_meant = version.empty() ? at->version != nullptr || at->is_asleep
                                          : version == std::to_string(at->number);
    if (is_meant) return at->is_asleep ? &*at : nullptr;
  }
  return nullptr;
}

std::vector<std::string> VersionTable::loaded_versions(std::string_view name) const {
  std::vector<std::string> loaded;
  const ModelEntry* const found = model(name);
  if (found == nullptr) return loaded;
  for (const VersionEntry& entry : found->versions) {
    if (entry.version != nullptr || entry.is_asleep) {
      loaded.push_back(std::to_string(entry.number));
    }
  }
  return loaded;
}

std::shared_ptr<Version> VersionTable::replace(const std::string& name, VersionEntry entry) {
  std::vector<VersionEntry>& versions = models_[name].versions;
  auto at = std::ranges::lower_bound(versions, entry.number, {}, &VersionEntry::number);
  std::shared_ptr<Version> before;
  if (at != versions.end() && at->number == entry.number) {
    before = std::move(at->version);
    at = versions.erase(at);
  }
  const bool stays = entry.version != nullptr || entry.is_asleep || !entry.failure.empty();
  if (stays) versions.insert(at, std::move(entry));
  if (versions.empty()) models_.erase(name);
  return before;
}

}  // namespace penstock::serving
