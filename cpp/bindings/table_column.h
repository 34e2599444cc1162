// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/column_rows.h"

namespace penstock::bindings {

// A column with the buffers that it looks into, which it keeps.
class TableColumn {
 public:
  // Raises CoreError where a buffer is too small, or an offset leads out of the texts.
  TableColumn(const std::string& datatype, std::size_t rows, std::size_t first,
              const pybind11::buffer& values, const std::optional<pybind11::buffer>& texts,
              const std::optional<pybind11::buffer>& validity);

  const model::Column& column() const { return column_; }
  std::size_t rows() const { return rows_; }

 private:
  std::span<const std::byte> held(const pybind11::buffer& buffer);
  base::Result<> set_kind(const std::string& datatype);
  base::Result<> check(std::size_t bytes, std::size_t text_bytes) const;
  template <class Offset>
  base::Result<> check_offsets(std::size_t bytes, std::size_t text_bytes) const;

  model::Column column_;
  std::size_t rows_;
  std::vector<pybind11::buffer_info> buffers_;
};

// The columns of a table as the core takes them. Raises CoreError if one has fewer than `rows`.
std::vector<model::Column> columns_of(const std::vector<const TableColumn*>& columns,
                                      std::size_t rows);

// Where gather_rows() and run_columns() note what does not fit.
class MisfitRows {
 public:
  explicit MisfitRows(std::size_t rows) : kinds_(rows), columns_(rows) {}

  model::Misfits views() { return {kinds_, columns_}; }
  // Of each of `bad` rows its number, the column's and why.
  pybind11::list list(std::size_t bad) const;

 private:
  std::vector<model::Misfit> kinds_;
  std::vector<std::int32_t> columns_;
};

}  // namespace penstock::bindings
