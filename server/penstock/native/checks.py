# SPDX-License-Identifier: Apache-2.0
"""Whether a manifest holds together: values, ports, the order of steps, the places of blobs."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from google.protobuf.message import Message

from penstock.errors import ArtifactError
from penstock_client._proto import native_artifact_pb2 as pb

__all__ = ["KIND_DTYPES", "PORT_KINDS", "blobs_of", "check_manifest", "step_kind"]

#: What the elements of a value are in numpy.
KIND_DTYPES: dict[int, npt.DTypeLike] = {
    pb.FLOAT32: np.dtype("<f4"),
    pb.FLOAT64: np.dtype("<f8"),
    pb.INT64: np.dtype("<i8"),
    pb.TEXT: np.dtype(object),
}

#: V2's datatype of a port -> kinds that its value may have.
PORT_KINDS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(
        ("FP32", "FP64", "INT32", "INT64", "UINT8", "BOOL"), (pb.FLOAT32, pb.FLOAT64, pb.INT64)
    ),
    "BYTES": (pb.TEXT,),
}

WIDTH_MAX = 1 << 24


def step_kind(step: pb.Step) -> str:
    """The field of `what` that is set: "dense". Raises ArtifactError if none is."""
    kind = step.WhichOneof("what")
    if kind is None:
        raise ArtifactError(
            f"step {step.name!r} is of a kind that this version does not know: update Penstock."
        )
    return str(kind)


def blobs_of(message: Message) -> Iterator[pb.Blob]:
    """Every blob that a message names, in itself or below."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for one in value if field.is_repeated else [value]:
            if isinstance(one, pb.Blob):
                yield one
            else:
                yield from blobs_of(one)


def check_manifest(manifest: pb.Artifact, *, blobs_end: int) -> None:
    """Raises ArtifactError that says what was wanted, and where."""
    if not manifest.inputs or not manifest.outputs or not manifest.values:
        raise ArtifactError("wanted at least an input and an output; its manifest has none.")
    for place, value in enumerate(manifest.values):
        if value.kind not in KIND_DTYPES or not 0 < value.width <= WIDTH_MAX:
            raise ArtifactError(
                f"value {place}: wanted a known kind and a width of 1 to {WIDTH_MAX}; "
                f"found kind {value.kind}, width {value.width}."
            )
    written: set[int] = set()
    for port in manifest.inputs:
        _check_port(manifest, port, "input")
        _write(written, port.value, f"input {port.name!r}")
    for place, step in enumerate(manifest.steps):
        where = f"step {place} ({step_kind(step)} {step.name!r})"
        for read in step.reads:
            if read not in written:
                raise ArtifactError(f"{where} reads value {read}, which nothing has written yet.")
        if not step.reads:
            raise ArtifactError(f"{where} reads nothing.")
        if step.writes >= len(manifest.values):
            raise ArtifactError(
                f"{where} writes value {step.writes}; there are {len(manifest.values)}."
            )
        _write(written, step.writes, where)
        for blob in blobs_of(step):
            if blob.bytes and (
                blob.offset % 64 or blob.offset < 64 or blob.offset + blob.bytes > blobs_end
            ):
                raise ArtifactError(f"{where} has a blob that lies outside of the file.")
    for port in manifest.outputs:
        _check_port(manifest, port, "output")
        if port.value not in written:
            raise ArtifactError(f"output {port.name!r} is a value that nothing writes.")
    _check_names([port.name for port in [*manifest.inputs, *manifest.outputs]])


def _check_port(manifest: pb.Artifact, port: pb.Port, what: str) -> None:
    where = f"{what} {port.name!r}"
    if port.value >= len(manifest.values):
        raise ArtifactError(f"{where} is value {port.value}; there are {len(manifest.values)}.")
    value = manifest.values[port.value]
    width = int(np.prod(port.dims, dtype=np.uint64)) if port.dims else 1
    if width != value.width:
        raise ArtifactError(
            f"{where} has dims {list(port.dims)}, of {width} elements; its value has {value.width}."
        )
    kinds = PORT_KINDS.get(port.datatype)
    if kinds is None:
        raise ArtifactError(
            f"{where} is of datatype {port.datatype!r}: wanted one of {', '.join(PORT_KINDS)}."
        )
    if value.kind not in kinds:
        raise ArtifactError(
            f"{where} is of datatype {port.datatype} and its value {pb.Kind.Name(value.kind)}: "
            "BYTES goes with TEXT alone."
        )


def _write(written: set[int], value: int, where: str) -> None:
    if value in written:
        raise ArtifactError(f"{where} writes value {value}, which is written already.")
    written.add(value)


def _check_names(names: list[str]) -> None:
    if "" in names:
        raise ArtifactError("wanted a name for every input and output.")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ArtifactError(f"wanted each input and output to have its own name; twice: {twice}.")
