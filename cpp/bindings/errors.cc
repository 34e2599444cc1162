// SPDX-License-Identifier: Apache-2.0
#include "bindings/errors.h"

#include <string>

namespace penstock::bindings {
namespace py = pybind11;

namespace {

// Where the exception class is found again: in the module itself, which outlives every call.
constexpr const char* kModule = "penstock._core";
constexpr const char* kClass = "CoreError";

}  // namespace

void bind_errors(py::module_& module) {
  py::exception<void> error(module, kClass);
  error.doc() = "A failure the core reports: `code` is gRPC's name of its kind.";
}

void raise(const base::Error& error, std::string_view stage) {
  const py::object type = py::module_::import(kModule).attr(kClass);
  py::object raised = type(error.why);
  raised.attr("code") = std::string(name_of(error.code));
  raised.attr("stage") = std::string(stage);
  PyErr_SetObject(type.ptr(), raised.ptr());
  throw py::error_already_set();
}

base::Error error_of(const py::error_already_set& raised) {
  std::string why;
  try {
    why = py::str(raised.value()).cast<std::string>();
    if (why.empty()) why = py::str(raised.type().attr("__name__")).cast<std::string>();
  } catch (const std::exception&) {
    why = "the model raised an exception that cannot be shown";
  }
  const bool is_memory = raised.matches(PyExc_MemoryError);
  return {is_memory ? base::Code::kResourceExhausted : base::Code::kInternal, std::move(why)};
}

}  // namespace penstock::bindings
