# SPDX-License-Identifier: Apache-2.0
"""What a configuration says of files beside the model: label files and warm-up requests. Pure."""

from pathlib import Path, PurePosixPath
from typing import Literal

from penstock.errors import RepositoryError
from penstock.repository.config_file import ModelConfig
from penstock.repository.plan import WarmupInput, WarmupPlan
from penstock_client._proto.model_config_pb2 import DataType, ModelWarmup

__all__ = ["WARMUP_FOLDER", "label_files", "warmup_plans"]

WARMUP_FOLDER = "warmup"
#: One that ran longer than this many times would be a mistake, or a load that never ends.
COUNT_MAX = 10_000


def label_files(config: ModelConfig, folder: Path) -> dict[str, Path]:
    """Output -> the file below the model's `folder` that names its classes, one a line."""
    return {
        output.name: _below(folder, output.label_filename, f"output.{output.name}.label_filename")
        for output in config.output
        if output.label_filename
    }


def warmup_plans(config: ModelConfig, folder: Path) -> tuple[WarmupPlan, ...]:
    """The warm-up requests of `config`, in order. What they bring is checked against the model
    when that is known.
    """
    return tuple(
        WarmupPlan(
            name=warmup.name or str(i),
            rows=max(1, warmup.batch_size),
            count=_count(warmup),
            inputs=tuple(
                _input(name, warmup, folder / WARMUP_FOLDER) for name in sorted(warmup.inputs)
            ),
        )
        for i, warmup in enumerate(config.model_warmup)
    )


def _count(warmup: ModelWarmup) -> int:
    if warmup.count > COUNT_MAX:
        raise RepositoryError(
            f"model_warmup.count of {warmup.name!r} is {warmup.count}: wanted at most {COUNT_MAX}."
        )
    return max(1, warmup.count)


def _input(name: str, warmup: ModelWarmup, folder: Path) -> WarmupInput:
    field = f"model_warmup {warmup.name!r}, input {name!r}"
    tensor = warmup.inputs[name]
    datatype = DataType.Name(tensor.data_type).removeprefix("TYPE_")
    if datatype == "INVALID":
        raise RepositoryError(f"{field} has no data_type, such as TYPE_FP32.")
    if any(size < 0 for size in tensor.dims):
        raise RepositoryError(
            f"{field} has dims {list(tensor.dims)}: wanted the size of every dimension, for a "
            "request has no variable ones."
        )
    source: Literal["zero", "random", "file"]
    match tensor.WhichOneof("input_data_type"):
        case "zero_data":
            source = "zero"
        case "random_data":
            source = "random"
        case "input_data_file":
            source = "file"
        case _:
            raise RepositoryError(
                f"{field} has no data: wanted zero_data: true, random_data: true or "
                "input_data_file."
            )
    return WarmupInput(
        name=name,
        datatype="BYTES" if datatype == "STRING" else datatype,
        dims=tuple(tensor.dims),
        source=source,
        file=_below(folder, tensor.input_data_file, field) if source == "file" else None,
    )


def _below(folder: Path, name: str, field: str) -> Path:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
        raise RepositoryError(
            f"{field} names the file {name!r}: wanted a path below {folder}, without `..`."
        )
    return folder / path
