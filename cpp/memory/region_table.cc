// SPDX-License-Identifier: Apache-2.0
#include "memory/region_table.h"

#include <utility>

namespace penstock::memory {

using base::Code;
using base::fail;
using base::Result;

Result<> RegionTable::check_room(const Regions& regions, const std::string& name) const {
  if (regions.contains(name)) {
    return fail(Code::kAlreadyExists, "shared memory region " + single_quoted(name) +
                                          " already in manager; unregister it first");
  }
  if (regions.size() >= regions_max_) {
    return fail(Code::kResourceExhausted,
                "failed to register shared memory region " + single_quoted(name) + ": " +
                    std::to_string(regions_max_) +
                    " regions are registered, as many as may be (--client-shm-regions-max)");
  }
  return {};
}

Result<> RegionTable::add(RegionSpec spec) {
  if (auto room = check_room(*regions_.lock(), spec.name); !room) return room;
  auto region = Region::open(std::move(spec));
  if (!region) return std::unexpected(region.error());
  const std::string& name = (*region)->spec().name;
  auto regions = regions_.lock();
  if (auto room = check_room(*regions, name); !room) return room;
  regions->emplace(name, std::move(*region));
  return {};
}

void RegionTable::remove(std::string_view name) {
  Regions::node_type removed;  // closed when the lock is no longer held
  const auto regions = regions_.lock();
  if (const auto found = regions->find(name); found != regions->end()) {
    removed = regions->extract(found);
  }
}

void RegionTable::remove_all() {
  Regions removed;
  std::swap(removed, *regions_.lock());
}

Result<std::vector<RegionSpec>> RegionTable::list(std::string_view name) {
  std::vector<RegionSpec> specs;
  const auto regions = regions_.lock();
  if (name.empty()) {
    for (const auto& [each, region] : *regions) specs.push_back(region->spec());
    return specs;
  }
  const auto found = regions->find(name);
  if (found == regions->end()) {
    return fail(Code::kNotFound,
                "Unable to find system shared memory region: " + single_quoted(name));
  }
  specs.push_back(found->second->spec());
  return specs;
}

Result<RegionPart> RegionTable::find(std::string_view name, std::uint64_t offset,
                                     std::uint64_t byte_size) {
  std::shared_ptr<const Region> region;
  {
    const auto regions = regions_.lock();
    if (const auto found = regions->find(name); found != regions->end()) region = found->second;
  }
  if (region == nullptr) {
    return fail(Code::kNotFound, "Unable to find shared memory region: " + single_quoted(name));
  }
  if (auto within = region->check_within(offset, byte_size); !within) {
    return std::unexpected(within.error());
  }
  return RegionPart{.region = std::move(region), .offset = offset, .byte_size = byte_size};
}

}  // namespace penstock::memory
