# SPDX-License-Identifier: Apache-2.0
"""Small files of a model that its configuration names: labels of classes, warm-up tensors."""

from pathlib import Path

from penstock.errors import RepositoryError

__all__ = ["LABEL_BYTES_MAX", "WARMUP_BYTES_MAX", "read_labels", "read_warmup_tensor"]

LABEL_BYTES_MAX = 16 << 20
WARMUP_BYTES_MAX = 1 << 30


def read_labels(path: Path) -> list[bytes]:
    """The lines of a label file: the first names class 0."""
    lines = _read(path, "label_filename", LABEL_BYTES_MAX).split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return [line.removesuffix(b"\r") for line in lines]


def read_warmup_tensor(path: Path) -> bytes:
    """One request's tensor in its raw form."""
    return _read(path, "model_warmup.inputs.input_data_file", WARMUP_BYTES_MAX)


def _read(path: Path, field: str, size_max: int) -> bytes:
    """Up to `size_max` bytes of a file."""
    try:
        with path.open("rb") as file:
            content = file.read(size_max + 1)
    except OSError as error:
        raise RepositoryError(
            f"{field} is {path.name!r}, which cannot be read from {path.parent}: "
            f"{error.strerror or error}."
        ) from None
    if len(content) > size_max:
        raise RepositoryError(
            f"{field} is {path.name!r}, which has more than {size_max} bytes: wanted at most that "
            "many."
        )
    return content
