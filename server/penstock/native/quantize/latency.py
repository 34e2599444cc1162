# SPDX-License-Identifier: Apache-2.0
"""What a call costs in the native executor of this machine."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from penstock.errors import ArtifactError
from penstock.native.artifact import Array, CompiledModel, write_artifact
from penstock.native.quantize.gate import Measure

__all__ = ["BATCH_ROWS", "native_measure"]

#: Calls of so many rows are measured too.
BATCH_ROWS = 64
SECONDS = 0.1


def native_measure(rows: int) -> Measure:
    """Measures calls of `rows` and of BATCH_ROWS rows, as far as there are that many."""

    def measure(model: CompiledModel, inputs: Mapping[str, Array]) -> dict[int, float]:
        from penstock.native.model import NativeModel

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.pnst"
            write_artifact(model, path)
            try:
                loaded = NativeModel(path)
            except ArtifactError:  # it has a step that the executor cannot run
                return {}
        found = {}
        for count in sorted({rows, BATCH_ROWS}):
            some = {name: array[:count] for name, array in inputs.items()}
            if len(next(iter(some.values()))) == count:
                found[count] = loaded.least_ns(some, seconds=SECONDS) / 1000
        return found

    return measure
