// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/monitor.h"
#include "memory/region.h"

namespace penstock::memory {

// The regions that clients have registered, by name.
//
//  * Whoever found a region keeps it: it stays open until the last request that uses it is
//    answered, whatever is unregistered or registered under its name in the meantime.
//  * Nobody else keeps it: a region that is unregistered and unused is closed at once.
//
// Every method is for any thread. The lock is held for a look at the map, never while a file is
// opened, closed, read or written.
class RegionTable {
 public:
  // `regions_max`: each takes a file descriptor.
  explicit RegionTable(std::size_t regions_max) : regions_max_(regions_max) {}

  // kAlreadyExists if the name is taken; kResourceExhausted beyond the bound.
  base::Result<> add(RegionSpec spec);
  // A name that is not there is no error, as with Triton.
  void remove(std::string_view name);
  void remove_all();

  // One region, kNotFound if it is not there; or all of them by name, for an empty `name`.
  base::Result<std::vector<RegionSpec>> list(std::string_view name);
  // Bytes of a region. kNotFound without one of that name, kInvalidArgument if they go beyond it.
  base::Result<RegionPart> find(std::string_view name, std::uint64_t offset,
                                std::uint64_t byte_size);

 private:
  using Regions = std::map<std::string, std::shared_ptr<const Region>, std::less<>>;
  base::Result<> check_room(const Regions& regions, const std::string& name) const;

  const std::size_t regions_max_;
  base::Monitor<Regions> regions_;
};

}  // namespace penstock::memory
