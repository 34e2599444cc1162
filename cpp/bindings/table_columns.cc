// SPDX-License-Identifier: Apache-2.0
#include "bindings/table_columns.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/tensor.h"
#include "bindings/arrays.h"
#include "bindings/errors.h"
#include "model/column_rows.h"

namespace penstock::bindings {
namespace {

namespace py = pybind11;
using base::Code;
using base::DType;
using base::fail;
using model::Column;
using model::Misfit;

// A column with the buffers that it looks into, which it keeps.
class TableColumn {
 public:
  TableColumn(const std::string& datatype, std::size_t rows, std::size_t first,
              const py::buffer& values, const std::optional<py::buffer>& texts,
              const std::optional<py::buffer>& validity)
      : rows_(rows) {
    column_.first = first;
    const auto values_view = held(values);
    column_.values = values_view.data();
    value_or_raise(set_kind(datatype));
    if (texts) {
      const auto texts_view = held(*texts);
      column_.texts = texts_view.data();
      value_or_raise(check(values_view.size(), texts_view.size()));
    } else {
      value_or_raise(check(values_view.size(), 0));
    }
    if (validity) {
      const auto bits = held(*validity);
      column_.validity = reinterpret_cast<const std::uint8_t*>(bits.data());
      value_or_raise(wants(bits.size(), (first + rows + 7) / 8));
    }
  }

  const Column& column() const { return column_; }
  std::size_t rows() const { return rows_; }

 private:
  std::span<const std::byte> held(const py::buffer& buffer) {
    py::buffer_info info = buffer.request();
    const std::span<const std::byte> bytes{static_cast<const std::byte*>(info.ptr),
                                           static_cast<std::size_t>(info.size * info.itemsize)};
    buffers_.push_back(std::move(info));
    return bytes;
  }

  base::Result<> set_kind(const std::string& datatype) {
    if (datatype == "TEXT" || datatype == "LARGE_TEXT") {
      column_.kind = datatype == "TEXT" ? Column::Kind::kTexts : Column::Kind::kLargeTexts;
      return {};
    }
    const auto dtype = base::dtype_named(datatype);
    if (!dtype || *dtype == DType::kFp16 || *dtype == DType::kBf16 || *dtype == DType::kBytes) {
      return fail(Code::kInvalidArgument, "a column cannot be of " + datatype);
    }
    column_.kind = *dtype == DType::kBool ? Column::Kind::kBools : Column::Kind::kNumbers;
    column_.dtype = *dtype;
    return {};
  }

  static base::Result<> wants(std::size_t bytes, std::size_t wanted) {
    if (bytes >= wanted) return {};
    return fail(Code::kInvalidArgument, "a column's buffer has " + std::to_string(bytes) +
                                            " bytes, wanted " + std::to_string(wanted));
  }

  // What a file said, nobody has checked: an offset that leads out of the texts is found here.
  template <class Offset>
  base::Result<> check_offsets(std::size_t bytes, std::size_t text_bytes) const {
    if (auto done = wants(bytes, (column_.first + rows_ + 1) * sizeof(Offset)); !done) return done;
    Offset before = 0;
    for (std::size_t i = 0; i <= rows_; ++i) {
      Offset offset;
      std::memcpy(&offset, column_.values + (column_.first + i) * sizeof(Offset), sizeof offset);
      if (offset < before || std::cmp_greater(offset, text_bytes)) {
        return fail(Code::kInvalidArgument, "a column's texts are damaged");
      }
      before = offset;
    }
    return {};
  }

  base::Result<> check(std::size_t bytes, std::size_t text_bytes) const {
    const std::size_t end = column_.first + rows_;
    switch (column_.kind) {
      case Column::Kind::kBools: return wants(bytes, (end + 7) / 8);
      case Column::Kind::kNumbers: return wants(bytes, end * base::element_bytes(column_.dtype));
      case Column::Kind::kTexts: return check_offsets<std::int32_t>(bytes, text_bytes);
      case Column::Kind::kLargeTexts: return check_offsets<std::int64_t>(bytes, text_bytes);
    }
    return {};
  }

  Column column_;
  std::size_t rows_;
  std::vector<py::buffer_info> buffers_;
};

const char* name_of(Misfit misfit) {
  switch (misfit) {
    case Misfit::kNone: break;
    case Misfit::kMissing: return "missing";
    case Misfit::kNoNumber: return "no_number";
    case Misfit::kFraction: return "fraction";
    case Misfit::kRange: return "range";
  }
  return "";
}

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
  std::vector<Column> views;
  for (const TableColumn* column : columns) {
    if (column->rows() < rows) raise({Code::kInvalidArgument, "a column has too few rows"});
    views.push_back(column->column());
  }
  base::Tensor tensor{
      .dtype = *dtype,
      .shape = {static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns.size())},
      .bytes = {}};
  tensor.bytes.owner = base::Buffer::try_allocate(bytes);
  if (bytes > 0 && !tensor.bytes.owner) {
    raise({Code::kResourceExhausted, "no memory for " + std::to_string(rows) + " rows"});
  }
  tensor.bytes.bytes = tensor.bytes.owner.bytes();
  std::vector<Misfit> kinds(rows);
  std::vector<std::int32_t> places(rows);
  const std::size_t bad = [&] {
    const py::gil_scoped_release unlocked;
    return model::gather_rows(views, rows, *dtype, tensor.bytes.owner.data(), {kinds, places});
  }();
  py::list misfits;
  for (std::size_t row = 0; bad > 0 && row < rows; ++row) {
    if (kinds[row] == Misfit::kNone) continue;
    misfits.append(py::make_tuple(row, places[row], name_of(kinds[row])));
  }
  return py::make_tuple(owned_array_of(tensor), misfits);
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
