// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pybind11/pybind11.h>

// Arrow's columns as the rows that executors read.
namespace penstock::bindings {

void bind_table_columns(pybind11::module_& module);

}  // namespace penstock::bindings
