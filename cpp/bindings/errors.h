// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pybind11/pybind11.h>

#include <string_view>
#include <utility>

#include "base/error.h"

// The one place where a base::Error becomes a Python exception, and the other way round.
namespace penstock::bindings {

// Adds CoreError to the module. Its `code` is gRPC's name of the kind, its `stage` how
// far a load came.
void bind_errors(pybind11::module_& module);

// Raises CoreError in Python, with the interpreter's lock held. `stage`: see LoadStage.
[[noreturn]] void raise(const base::Error& error, std::string_view stage = "");

template <class T>
T value_or_raise(base::Result<T> result) {
  if (!result) raise(result.error());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

// What a model's code raised, in a sentence without a traceback.
base::Error error_of(const pybind11::error_already_set& raised);

}  // namespace penstock::bindings
