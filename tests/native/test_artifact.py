# SPDX-License-Identifier: Apache-2.0
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from penstock.errors import ArtifactError
from penstock.native.artifact import (
    ALIGNMENT,
    MAGIC,
    ArtifactBuilder,
    CompiledModel,
    read_artifact,
    write_artifact,
)
from penstock_client._proto import native_artifact_pb2 as pb

WEIGHTS = np.arange(6, dtype=np.float32).reshape(2, 3)


def builder_of_a_layer() -> tuple[ArtifactBuilder, int]:
    builder = ArtifactBuilder(source="a test")
    x = builder.input("x", "FP32", pb.FLOAT32, dims=[3])
    dense = pb.Dense(
        weights=pb.Dense.FP32, weight=builder.blob(WEIGHTS, "<f4"), bias=builder.blob([1, 2], "<f4")
    )
    return builder, builder.step(dense, [x], pb.FLOAT32, 2, name="fc1")


def a_layer() -> CompiledModel:
    builder, y = builder_of_a_layer()
    builder.output("y", "FP32", y, dims=[2])
    return builder.finish(evidence='{"a": 1}')


def changed(content: bytes, place: int, new: bytes, *, keeps_checksum: bool = False) -> bytes:
    """`content` with other bytes somewhere, and a checksum that fits unless it must not."""
    bad = bytearray(content)
    bad[place : place + len(new)] = new
    if not keeps_checksum:
        bad[12:16] = struct.pack("<I", zlib.crc32(bad[ALIGNMENT:]))
    return bytes(bad)


def test_what_was_built_is_read_back(tmp_path: Path) -> None:
    model = a_layer()
    write_artifact(model, tmp_path / "model.pnst")
    read = read_artifact(tmp_path / "model.pnst")
    assert read == model
    dense = read.manifest.steps[0].dense
    assert np.array_equal(read.array(dense.weight, "<f4").reshape(2, 3), WEIGHTS)
    assert list(read.array(dense.bias, "<f4")) == [1, 2]
    assert (read.manifest.source, read.manifest.evidence) == ("a test", '{"a": 1}')
    assert [path.name for path in tmp_path.iterdir()] == ["model.pnst"]


def test_every_blob_lies_at_a_multiple_of_64_and_equal_ones_lie_once() -> None:
    builder = ArtifactBuilder(source="")
    blobs = [builder.blob(np.arange(n), "<i8") for n in (1, 9, 1, 3)]
    assert [blob.offset for blob in blobs] == [64, 128, 64, 256]
    assert [blob.bytes for blob in blobs] == [8, 72, 8, 24]


def test_a_step_without_fields_is_known_by_its_kind() -> None:
    builder, y = builder_of_a_layer()
    builder.output("best", "INT64", builder.step(pb.ArgMax(), [y], pb.INT64, 1))
    assert builder.finish().manifest.steps[1].WhichOneof("what") == "arg_max"


@pytest.mark.parametrize("values", [[256], [-1], [0.5], [float("nan")]])
def test_a_blob_of_integers_takes_no_other_values(values: list[float]) -> None:
    with pytest.raises(ArtifactError, match="was to hold uint8; found the value"):
        ArtifactBuilder(source="").blob(values, "u1")


def test_the_same_model_is_the_same_bytes() -> None:
    assert a_layer().content == a_layer().content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "wanted a compiled model"),
        (a_layer().content[:63], "wanted a compiled model"),
        (b"\x08" + a_layer().content[1:], "wanted a compiled model"),
        (changed(a_layer().content, 8, b"\x02"), "format is version 2"),
        (a_layer().content[:-1], "bytes, as its head says; found"),
        (a_layer().content + b"\0", "bytes, as its head says; found"),
        (changed(a_layer().content, 70, b"\xff", keeps_checksum=True), "the file is damaged"),
        (changed(a_layer().content, 60, b"\x01"), "wanted zeros"),
        (changed(a_layer().content, 24, b"\xff" * 8), "manifest lies outside"),
        (changed(a_layer().content, 32, b"\xff" * 8), "manifest lies outside"),
        (changed(a_layer().content, 192, b"\xff" * 8), "no penstock.native.Artifact"),
    ],
)
def test_a_file_that_is_no_whole_model_is_refused_by_name(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "model.pnst"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=message) as refused:
        read_artifact(path)
    assert str(refused.value).startswith(str(path))


def test_a_file_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"nowhere\.pnst cannot be read: No such file"):
        read_artifact(tmp_path / "nowhere.pnst")
    with pytest.raises(ArtifactError, match="cannot be written: No such file"):
        write_artifact(a_layer(), tmp_path / "no folder" / "model.pnst")


def test_every_flipped_bit_of_a_small_file_is_noticed(tmp_path: Path) -> None:
    content, path = a_layer().content, tmp_path / "model.pnst"
    for place in range(len(content)):
        bad = bytearray(content)
        bad[place] ^= 1 << place % 8
        path.write_bytes(bad)
        with pytest.raises(ArtifactError):
            read_artifact(path)


def test_a_value_is_written_once_and_before_it_is_read() -> None:
    builder, y = builder_of_a_layer()
    builder.output("y", "FP32", y, dims=[2])
    manifest = builder.finish().manifest
    for reads, writes, message in [
        ([1], 1, "reads value 1, which nothing has written yet"),
        ([0], 0, "writes value 0, which is written already"),
        ([0], 7, "writes value 7; there are 2"),
        ([], 1, "reads nothing"),
    ]:
        broken = ArtifactBuilder(source="")
        broken._manifest.CopyFrom(manifest)
        del broken._manifest.steps[0].reads[:]
        broken._manifest.steps[0].reads.extend(reads)
        broken._manifest.steps[0].writes = writes
        with pytest.raises(ArtifactError, match=message):
            broken.finish()


def test_a_port_fits_its_value() -> None:
    for datatype, dims, message in [
        ("FP32", [3], "of 3 elements; its value has 2"),
        ("FP16", [2], "wanted one of FP32, FP64"),
        ("BYTES", [2], "BYTES goes with TEXT alone"),
    ]:
        builder, y = builder_of_a_layer()
        builder.output("y", datatype, y, dims=dims)
        with pytest.raises(ArtifactError, match=message):
            builder.finish()


def test_names_are_given_and_differ() -> None:
    builder, y = builder_of_a_layer()
    builder.output("x", "FP32", y, dims=[2])
    with pytest.raises(ArtifactError, match=r"twice: \['x'\]"):
        builder.finish()
    builder, y = builder_of_a_layer()
    builder.output("", "FP32", y, dims=[2])
    with pytest.raises(ArtifactError, match="wanted a name"):
        builder.finish()


def test_the_first_bytes_tell_a_text_from_a_model_and_survive_no_change_of_line_ends() -> None:
    assert MAGIC == b"\x89PNST\r\n\x1a"
    assert a_layer().content[:8] == MAGIC
