# SPDX-License-Identifier: Apache-2.0
"""The file of a compiled model, which docs/native.md draws: written by a builder, read back whole.

    0   "\\x89PNST\\r\\n\\x1a"   8 bytes
    8   u32 format version, 1
    12  u32 CRC-32 of every byte from 64 on
    16  u64 bytes of the file
    24  u64 where the manifest lies
    32  u64 bytes of the manifest
    40  zeros
    64  blobs, each at a multiple of 64; then the manifest, a message penstock.native.Artifact

All numbers are little-endian. What is read here is checked as far as Python needs it; the native
reader checks everything again, and what each step asks of its blobs.
"""

import os
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from penstock import __version__
from penstock.errors import ArtifactError
from penstock.native.checks import blobs_of, check_manifest
from penstock_client._proto import native_artifact_pb2 as pb

__all__ = [
    "FORMAT_VERSION",
    "MAGIC",
    "Array",
    "ArtifactBuilder",
    "CompiledModel",
    "StepWhat",
    "read_artifact",
    "read_manifest",
    "write_artifact",
]

MAGIC = b"\x89PNST\r\n\x1a"
FORMAT_VERSION = 1
ALIGNMENT = 64
HEAD = struct.Struct("<8sIIQQQ24x")

Array = npt.NDArray[Any]
StepWhat = (
    pb.Convert
    | pb.Affine
    | pb.Normalize
    | pb.Impute
    | pb.OneHot
    | pb.Lookup
    | pb.Concat
    | pb.Select
    | pb.Dense
    | pb.Activation
    | pb.Forest
    | pb.ArgMax
    | pb.Threshold
    | pb.StringIndex
    | pb.Labels
    | pb.Complement
    | pb.Onnx
)

#: Name of a message of Step's `what` -> its field: "ArgMax" -> "arg_max".
FIELD_OF: dict[str, str] = {
    field.message_type.name: field.name
    for field in pb.Step.DESCRIPTOR.oneofs_by_name["what"].fields
    if field.message_type is not None
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledModel:
    """A compiled model in memory: what its manifest says, and the bytes that its blobs lie in."""

    manifest: pb.Artifact
    content: bytes
    #: Of a model that was just compiled: what of it did not, in sentences.
    notes: tuple[str, ...] = ()

    def array(self, blob: pb.Blob, dtype: npt.DTypeLike) -> Array:
        """A blob's elements, one after the other, as a view that cannot be written to."""
        kind = np.dtype(dtype)
        return np.frombuffer(self.content, kind, int(blob.bytes) // kind.itemsize, int(blob.offset))

    def raw(self, blob: pb.Blob) -> bytes:
        """A blob's bytes."""
        return self.content[blob.offset : blob.offset + blob.bytes]


class ArtifactBuilder:
    """Puts a model together: values, then steps in the order they run in, and blobs as they come.

    builder = ArtifactBuilder(source="LightGBM 4.7.0 model")
    x = builder.input("input", "FP32", pb.FLOAT32, dims=[30])
    w = builder.blob(weights, "<f4")
    y = builder.step(pb.Dense(weights=pb.Dense.FP32, weight=w), [x], pb.FLOAT32, 1, name="fc1")
    builder.output("score", "FP32", y, dims=[1])
    write_artifact(builder.finish(), path)

    A value is named by the number that `input` or `step` gave. Blobs are kept once: equal bytes
    have one place.
    """

    def __init__(self, *, source: str) -> None:
        """`source` says what was compiled: "ONNX, opset 15"."""
        self._manifest = pb.Artifact(producer=f"penstock {__version__}", source=source)
        self._blobs = bytearray()
        self._places: dict[bytes, int] = {}

    @classmethod
    def of_ports(cls, model: CompiledModel) -> "ArtifactBuilder":
        """One with the values and ports of `model` and no step: `adopt` each, or another for it."""
        builder = cls(source=model.manifest.source)
        builder._manifest.values.extend(model.manifest.values)
        builder._manifest.inputs.extend(model.manifest.inputs)
        builder._manifest.outputs.extend(model.manifest.outputs)
        return builder

    def adopt(self, step: pb.Step, model: CompiledModel) -> pb.Step:
        """Adds a step of `model`, which it gives to be changed, and the blobs that it names."""
        self._manifest.steps.append(step)
        added = self._manifest.steps[-1]
        for blob in blobs_of(added):
            blob.CopyFrom(self.raw_blob(model.raw(blob)))
        return added

    def value(self, kind: pb.Kind, width: int) -> int:
        """A value that some step is to write; `step` makes one by itself."""
        self._manifest.values.append(pb.Value(kind=kind, width=width))
        return len(self._manifest.values) - 1

    def input(self, name: str, datatype: str, kind: pb.Kind, dims: Sequence[int] = ()) -> int:
        """An input of V2 `datatype` and of `dims` behind the batch; what it is converted to."""
        value = self.value(kind, int(np.prod(dims, dtype=np.int64)))
        self._manifest.inputs.append(
            pb.Port(name=name, datatype=datatype, value=value, dims=list(dims))
        )
        return value

    def output(self, name: str, datatype: str, value: int, dims: Sequence[int] = ()) -> None:
        """Answers `value` under a name; its width is the product of `dims`."""
        self._manifest.outputs.append(
            pb.Port(name=name, datatype=datatype, value=value, dims=list(dims))
        )

    def step(
        self, what: StepWhat, reads: Sequence[int], kind: pb.Kind, width: int, *, name: str = ""
    ) -> int:
        """Reads values and writes a new one of `kind` and `width`, whose number it gives."""
        written = self.value(kind, width)
        step = pb.Step(reads=list(reads), writes=written, name=name)
        place = getattr(step, FIELD_OF[type(what).__name__])
        place.CopyFrom(what)
        place.SetInParent()  # a message without fields, like ArgMax, is set nevertheless
        self._manifest.steps.append(step)
        return written

    def blob(self, values: npt.ArrayLike, dtype: npt.DTypeLike) -> pb.Blob:
        """Elements of `dtype` ("<f4", "<u4", ...), in C's order. An array of bytes: dtype "u1".

        Raises ArtifactError if values would change: out of the range of an integer, or fractional.
        """
        wanted = np.dtype(dtype).newbyteorder("<")
        given = np.asarray(values)
        with np.errstate(invalid="ignore", over="ignore"):
            array = np.ascontiguousarray(given).astype(wanted)
        if wanted.kind in "iu" and not np.array_equal(array, given):
            odd = given[array != given].flat[0]
            raise ArtifactError(f"a blob was to hold {wanted.name}; found the value {odd}.")
        return self.raw_blob(array.tobytes())

    def raw_blob(self, content: bytes) -> pb.Blob:
        """Bytes that have their form already."""
        place = self._places.get(content) if len(content) <= 1 << 20 else None
        if place is None:
            self._blobs += bytes(-len(self._blobs) % ALIGNMENT)
            place = ALIGNMENT + len(self._blobs)
            self._blobs += content
            if len(content) <= 1 << 20:
                self._places[content] = place
        return pb.Blob(offset=place, bytes=len(content))

    def finish(self, *, evidence: str = "") -> CompiledModel:
        """The model, checked. Raises ArtifactError, which then is a fault of the caller's."""
        manifest = pb.Artifact()
        manifest.CopyFrom(self._manifest)
        manifest.evidence = evidence
        return _assembled(manifest, bytes(self._blobs))


def _assembled(manifest: pb.Artifact, blobs: bytes) -> CompiledModel:
    written = manifest.SerializeToString(deterministic=True)
    body = blobs + bytes(-len(blobs) % ALIGNMENT)
    place = ALIGNMENT + len(body)
    body += written
    head = HEAD.pack(
        MAGIC, FORMAT_VERSION, zlib.crc32(body), ALIGNMENT + len(body), place, len(written)
    )
    check_manifest(manifest, blobs_end=place)
    return CompiledModel(manifest=manifest, content=head + body)


def write_artifact(model: CompiledModel, path: Path) -> None:
    """Writes the file, whole or not at all. Raises ArtifactError if it cannot be written."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(model.content)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise ArtifactError(f"{path} cannot be written: {error.strerror or error}.") from None


def read_artifact(path: Path) -> CompiledModel:
    """Reads a file and checks it. Raises ArtifactError that names the file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror or error}.") from None
    try:
        return _parsed(content)
    except ArtifactError as error:
        raise ArtifactError(f"{path}: {error}") from None


def read_manifest(path: Path) -> pb.Artifact:
    """The manifest alone, without a look at the blobs or the checksum. Raises ArtifactError."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD.size)
            if len(head) < HEAD.size or not head.startswith(MAGIC):
                raise ArtifactError(f"{path} is no compiled model.")
            _, _, _, file_bytes, place, size = HEAD.unpack(head)
            if place + size > min(file_bytes, os.fstat(file.fileno()).st_size):
                raise ArtifactError(f"{path}: its manifest lies outside of it.")
            file.seek(place)
            return pb.Artifact.FromString(file.read(size))
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror or error}.") from None
    except DecodeError:
        raise ArtifactError(f"{path}: its manifest is no penstock.native.Artifact.") from None


def _parsed(content: bytes) -> CompiledModel:
    if len(content) < HEAD.size or not content.startswith(MAGIC):
        raise ArtifactError(
            f"wanted a compiled model, which begins with {MAGIC!r}; found {content[:8]!r}."
        )
    _, version, checksum, file_bytes, place, size = HEAD.unpack_from(content)
    if version != FORMAT_VERSION:
        raise ArtifactError(
            f"its format is version {version}: wanted {FORMAT_VERSION}; compile the model again."
        )
    if file_bytes != len(content):
        raise ArtifactError(f"wanted {file_bytes} bytes, as its head says; found {len(content)}.")
    if zlib.crc32(memoryview(content)[HEAD.size :]) != checksum:
        raise ArtifactError("its bytes do not have its checksum: the file is damaged.")
    if any(content[40 : HEAD.size]):
        raise ArtifactError("wanted zeros at the end of its head.")
    if place < HEAD.size or place > len(content) or size > len(content) - place:
        raise ArtifactError("its manifest lies outside of it.")
    manifest = pb.Artifact()
    try:
        manifest.ParseFromString(content[place : place + size])
    except DecodeError:
        raise ArtifactError("its manifest is no penstock.native.Artifact.") from None
    check_manifest(manifest, blobs_end=len(content))
    return CompiledModel(manifest=manifest, content=content)
