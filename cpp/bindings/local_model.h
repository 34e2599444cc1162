// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pybind11/pybind11.h>

// The server's executors without a server, and tables on their way to them: penstock.predict.
namespace penstock::bindings {

void bind_local_model(pybind11::module_& module);

}  // namespace penstock::bindings
