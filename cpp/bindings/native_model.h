// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pybind11/pybind11.h>

// Compiled models without a server: penstock.native.load().
namespace penstock::bindings {

void bind_native_model(pybind11::module_& module);

}  // namespace penstock::bindings
