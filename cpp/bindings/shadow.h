// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "serving/shadow.h"

// Shadows, as Python makes and reads them: plain values. What each means stands in
// server/penstock/_core/traffic.pyi.
namespace penstock::bindings {

struct PlainShadowOptions {
  std::string name;
  std::string model;
  std::string version;
  double relative = 1e-5;
  double absolute = 1e-6;
  std::size_t examples = 0;
  double examples_kept_s = 7.0 * 24 * 3600;
  std::vector<std::string> sensitive;
};

serving::ShadowOptions shadow_options(const PlainShadowOptions& plain);

// Adds to the submodule `traffic`.
void bind_shadow(pybind11::module_& traffic);

}  // namespace penstock::bindings
