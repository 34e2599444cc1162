# SPDX-License-Identifier: Apache-2.0
"""Whether a compiled model of scikit-learn answers what the model itself does.

skl2onnx exports some estimators wrongly without a word, and does not know what newer versions of
scikit-learn have added. Made-up rows tell: they find what is wrong with many rows, and leave alone
the few that float32 sends to the other side of a threshold.
"""

from typing import Any

import numpy as np

from penstock.errors import NotCompiledError, PenstockError
from penstock.native.artifact import Array, CompiledModel
from penstock.native.reference import evaluate

__all__ = ["try_out"]

ROWS = 64
#: How far apart the two may be, as a part of the answer or of the median one; and which part of the
#: rows may be further apart.
TOLERANCE = 1e-3
DIFFERENT_MAX = 0.1


def try_out(compiled: CompiledModel, model: Any, example: Any = None) -> None:
    """Raises NotCompiledError if more than a tenth of the rows are answered otherwise.

    `example`: rows to try, as the model takes them. Not tried is what the model cannot predict of
    such rows, and what reads text.
    """
    for rows in _rows(compiled, example):
        try:
            inputs = _inputs(compiled, rows)
            right = [_predicted(model, name, rows) for name in ("predict", "predict_proba")]
            found = list(evaluate(compiled, inputs).values())
        except (PenstockError, ImportError):
            raise
        except Exception:  # whatever estimators raise for rows that they do not take
            continue
        for one, other in zip(found, right, strict=False):
            if other is not None:
                _compare(one, other, type(model).__name__)


def _rows(compiled: CompiledModel, example: Any) -> list[Any]:
    if example is not None:
        return [example[:ROWS]]
    ports = compiled.manifest.inputs
    if len(ports) != 1 or ports[0].datatype != "FP32":
        return []
    chance = np.random.default_rng(0)
    whole = chance.normal(size=(ROWS, *ports[0].dims)).astype(np.float32)
    holed = np.where(chance.random(whole.shape) < 0.3, np.float32(np.nan), whole)
    return [whole, holed]


def _inputs(compiled: CompiledModel, rows: Any) -> dict[str, Array]:
    ports = compiled.manifest.inputs
    if len(ports) == 1:
        return {ports[0].name: np.asarray(rows)}
    return {port.name: np.asarray(rows[port.name]).reshape(-1, *port.dims) for port in ports}


def _predicted(model: Any, name: str, rows: Any) -> Array | None:
    return np.asarray(getattr(model, name)(rows)) if hasattr(model, name) else None


def _compare(found: Array, right: Array, name: str) -> None:
    if right.dtype.kind in "US" or found.dtype == object:
        found = np.array([one.decode() if isinstance(one, bytes) else one for one in found.flat])
    if found.size != right.size:
        return  # a score for each class where scikit-learn has one for both
    if not len(right):
        return
    found, right = found.reshape(len(right), -1), right.reshape(len(right), -1)
    if right.dtype.kind in "biuf" and found.dtype.kind in "biuf":
        wanted = right.astype(np.float64)
        scale = np.maximum(np.abs(wanted), np.median(np.abs(wanted)))
        with np.errstate(invalid="ignore"):
            is_same = np.abs(found - wanted) <= TOLERANCE * scale
        is_same |= (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    else:
        is_same = found == right
    is_different = ~is_same.all(axis=1)
    if is_different.mean() > DIFFERENT_MAX:
        at = int(np.argmax(is_different))
        raise NotCompiledError(
            f"skl2onnx's export of {name} answers otherwise than {name} does: "
            f"{is_different.sum()} of {len(right)} rows that were tried, the first of them "
            f"{found[at].tolist()} instead of {right[at].tolist()}."
        )
