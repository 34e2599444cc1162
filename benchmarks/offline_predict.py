# SPDX-License-Identifier: Apache-2.0
"""The script that `penstock predict` stands beside: a file of Parquet, a model, a file of answers.

    python -m benchmarks.offline_predict native|onnxruntime|lightgbm MODEL INPUT OUTPUT THREADS

A row group is read with pyarrow as it comes, made an array, answered with all cores, and written.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def _answering(kind: str, model: str, threads: int) -> Callable[[Any], Any]:
    """What answers an array of rows with a column of numbers."""
    if kind == "native":
        from penstock.native.model import NativeModel

        native = NativeModel(Path(model), threads=threads)
        (output,) = native.signature.outputs
        datatype = np.float64 if native.signature.inputs[0].datatype == "FP64" else np.float32

        def answer(rows: Any) -> Any:
            found = native.predict(rows.astype(datatype, copy=False))
            return found[output.name] if isinstance(found, dict) else found

        return answer
    if kind == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return lambda rows: session.run(None, {name: rows})[0]
    import lightgbm

    booster = lightgbm.Booster(model_file=model)
    return lambda rows: booster.predict(rows, num_threads=threads)


def _main() -> None:
    kind, model, given, output, threads = sys.argv[1:]
    answer = _answering(kind, model, int(threads))
    file = pq.ParquetFile(given)
    writer = None
    for group in range(file.num_row_groups):
        table = file.read_row_group(group)
        rows = np.column_stack([column.to_numpy() for column in table.columns])
        answers = pa.table({"answer": np.asarray(answer(rows)).reshape(len(rows), -1)[:, -1]})
        writer = writer or pq.ParquetWriter(output, answers.schema)
        writer.write_table(answers)
    if writer is not None:
        writer.close()


if __name__ == "__main__":
    _main()
