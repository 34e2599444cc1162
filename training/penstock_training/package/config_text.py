# SPDX-License-Identifier: Apache-2.0
"""A version's own config.pbtxt. Pure.

It names no model, so that the version can stand under any name.
"""

import json
from collections.abc import Iterator

from penstock.package import ModelSignature, TensorSignature

__all__ = ["BATCH_ROWS_MAX", "LABELS_FILE", "config_text"]

LABELS_FILE = "labels.txt"
#: Rows of a batch, and so of a request.
BATCH_ROWS_MAX = 1024


def config_text(signature: ModelSignature, backend: str) -> str:
    """The configuration of a model of `backend` whose tensors are those of `signature`."""
    lines = [f'backend: "{backend}"', f"max_batch_size: {BATCH_ROWS_MAX}"]
    for kind, tensors in (("input", signature.inputs), ("output", signature.outputs)):
        for tensor in tensors:
            lines += [f"{kind} {{", *(f"  {line}" for line in _lines(tensor)), "}"]
    return "\n".join(lines) + "\n"


def _lines(tensor: TensorSignature) -> Iterator[str]:
    datatype = "STRING" if tensor.datatype == "BYTES" else tensor.datatype
    yield f"name: {_quoted(tensor.name)}"
    yield f"data_type: TYPE_{datatype}"
    # An output with one value for each row, and no further dimension, has no dims.
    if dims := tensor.shape[1:]:
        yield f"dims: [ {', '.join(map(str, dims))} ]"
    if tensor.classes:
        yield f'label_filename: "{LABELS_FILE}"'


def _quoted(text: str) -> str:
    """As a string of text protobuf, which reads JSON's escapes but for those of surrogates."""
    return json.dumps(text, ensure_ascii=False)
