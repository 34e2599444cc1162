// SPDX-License-Identifier: Apache-2.0
#include "bindings/table_columns.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/tensor.h"
#include "bindings/arrays.h"
#include "bindings/errors.h"
#include "bindings/table_column.h"
#include "model/column_rows.h"

namespace penstock::bindings {
namespace {

namespace py = pybind11;
using base::Code;
using base::DType;
using base::fail;
using model::Column;

// The rows, and of each that does not fit its number, the column's and why.
py::tuple gather(const std::vector<const TableColumn*>& columns, std::size_t rows,
                 const std::string& datatype) {
  const auto dtype = base::dtype_named(datatype);
  const std::size_t size = dtype ? base::element_bytes(*dtype) : 0;
  std::size_t bytes = 0;
  if (size == 0 || *dtype == DType::kFp16 || *dtype == DType::kBf16 ||
      __builtin_mul_overflow(rows * size, columns.size(), &bytes)) {
    raise({Code::kInvalidArgument, "rows of numbers cannot be of " + datatype});
  }
  const std::vector<Column> views = columns_of(columns, rows);
  base::Tensor tensor{
      .dtype = *dtype,
      .shape = {static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns.size())},
      .bytes = {}};
  tensor.bytes.owner = base::Buffer::try_allocate(bytes);
  if (bytes > 0 && !tensor.bytes.owner) {
    raise({Code::kResourceExhausted, "no memory for " + std::to_string(rows) + " rows"});
  }
  tensor.bytes.bytes = tensor.bytes.owner.bytes();
  MisfitRows misfits(rows);
  const std::size_t bad = [&] {
    const py::gil_scoped_release unlocked;
    return model::gather_rows(views, rows, *dtype, tensor.bytes.owner.data(), misfits.views());
  }();
  return py::make_tuple(owned_array_of(tensor), misfits.list(bad));
}

py::array encode(const TableColumn& column, std::size_t rows) {
  if (column.rows() < rows || (column.column().kind != Column::Kind::kTexts &&
                               column.column().kind != Column::Kind::kLargeTexts)) {
    raise({Code::kInvalidArgument, "wanted a column of texts, of all rows"});
  }
  auto made = [&] {
    const py::gil_scoped_release unlocked;
    return model::encode_texts(column.column(), rows);
  }();
  base::Tensor tensor{.dtype = DType::kUint8, .shape = {}, .bytes = {}};
  tensor.bytes.owner = value_or_raise(std::move(made));
  tensor.bytes.bytes = tensor.bytes.owner.bytes();
  tensor.shape.push(static_cast<std::int64_t>(tensor.bytes.bytes.size()));
  return owned_array_of(tensor);
}

}  // namespace

void bind_table_columns(py::module_& module) {
  py::class_<TableColumn>(module, "TableColumn")
      .def(py::init<const std::string&, std::size_t, std::size_t, const py::buffer&,
                    const std::optional<py::buffer>&, const std::optional<py::buffer>&>(),
           py::arg("datatype"), py::arg("rows"), py::arg("first"), py::arg("values"),
           py::arg("texts") = py::none(), py::arg("validity") = py::none());
  module.def("gather_rows", gather, py::arg("columns"), py::arg("rows"), py::arg("datatype"));
  module.def("encode_texts", encode, py::arg("column"), py::arg("rows"));
}

}  // namespace penstock::bindings
