// SPDX-License-Identifier: Apache-2.0
#include "bindings/table_column.h"

#include <cstring>
#include <utility>

#include "bindings/errors.h"

namespace penstock::bindings {

namespace py = pybind11;
using base::Code;
using base::DType;
using base::fail;
using model::Column;
using model::Misfit;

namespace {

base::Result<> wants(std::size_t bytes, std::size_t wanted) {
  if (bytes >= wanted) return {};
  return fail(Code::kInvalidArgument, "a column's buffer has " + std::to_string(bytes) +
                                          " bytes, wanted " + std::to_string(wanted));
}

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

}  // namespace

TableColumn::TableColumn(const std::string& datatype, std::size_t rows, std::size_t first,
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

std::span<const std::byte> TableColumn::held(const py::buffer& buffer) {
  py::buffer_info info = buffer.request();
  const std::span<const std::byte> bytes{static_cast<const std::byte*>(info.ptr),
                                         static_cast<std::size_t>(info.size * info.itemsize)};
  buffers_.push_back(std::move(info));
  return bytes;
}

base::Result<> TableColumn::set_kind(const std::string& datatype) {
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

// What a file said, nobody has checked: an offset that leads out of the texts is found here.
template <class Offset>
base::Result<> TableColumn::check_offsets(std::size_t bytes, std::size_t text_bytes) const {
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

base::Result<> TableColumn::check(std::size_t bytes, std::size_t text_bytes) const {
  const std::size_t end = column_.first + rows_;
  switch (column_.kind) {
    case Column::Kind::kBools: return wants(bytes, (end + 7) / 8);
    case Column::Kind::kNumbers: return wants(bytes, end * base::element_bytes(column_.dtype));
    case Column::Kind::kTexts: return check_offsets<std::int32_t>(bytes, text_bytes);
    case Column::Kind::kLargeTexts: return check_offsets<std::int64_t>(bytes, text_bytes);
  }
  return {};
}

std::vector<Column> columns_of(const std::vector<const TableColumn*>& columns, std::size_t rows) {
  std::vector<Column> views;
  for (const TableColumn* column : columns) {
    if (column->rows() < rows) raise({Code::kInvalidArgument, "a column has too few rows"});
    views.push_back(column->column());
  }
  return views;
}

py::list MisfitRows::list(std::size_t bad) const {
  py::list misfits;
  for (std::size_t row = 0; bad > 0 && row < kinds_.size(); ++row) {
    if (kinds_[row] == Misfit::kNone) continue;
    misfits.append(py::make_tuple(row, columns_[row], name_of(kinds_[row])));
  }
  return misfits;
}

}  // namespace penstock::bindings
