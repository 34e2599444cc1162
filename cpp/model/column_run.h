// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/tensor.h"
#include "model/column_rows.h"
#include "model/executor.h"

// Columns through an executor in blocks that stay in a near cache: what one block gathers, the
// executor reads at once, and no tensor of all rows is ever made.
namespace penstock::model {

// Whether run_columns() may run it: a native executor that any thread may call, of one input of
// numbers and of outputs of numbers. FP16 and BF16 are not gathered.
bool reads_columns(const base::Signature& signature, const ExecutorTraits& traits);

// Executes `rows` rows of `columns`, one for each element of a row of the executor's input, and
// appends each output, of all rows, to `outputs`, which is empty. Rows that do not fit are marked
// as gather_rows() does it. Returns their number. Only where reads_columns(). Fails if the executor
// does, if its answer to a block is not of the block's rows, or if memory is out.
base::Result<std::size_t> run_columns(std::span<const Column> columns, std::size_t rows,
                                      Misfits misfits, Executor& executor,
                                      std::vector<base::Tensor>& outputs);

}  // namespace penstock::model
