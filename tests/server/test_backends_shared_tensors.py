# SPDX-License-Identifier: Apache-2.0
"""A worker's half of the shared memory, against the words that the server's half writes."""

import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from penstock.backends.isolation import LoadOrder
from penstock.backends.shared_tensors import Answers, Requests, TooLargeError
from penstock.errors import BackendError
from penstock.repository.config_file import parse_config
from penstock.repository.plan import ModelPlan, TensorPlan

FIRST_BYTES = 64 << 10


@pytest.fixture
def memory() -> Iterator[int]:
    descriptor = os.memfd_create("test")
    os.truncate(descriptor, FIRST_BYTES)
    yield descriptor
    os.close(descriptor)


def words_and(words: list[int], *tensors: tuple[int, bytes]) -> bytes:
    content = bytearray(struct.pack(f"<{len(words)}q", *words))
    for offset, tensor in tensors:
        content = content.ljust(offset, b"\0") + tensor
    return bytes(content)


def tensor(name: str, datatype: str) -> TensorPlan:
    return TensorPlan(name=name, datatype=datatype, dims=(-1,))


def test_inputs_are_read_only_views_and_strings_are_copied(memory: int) -> None:
    text = b"\x02\0\0\0hi\0\0\0\0"
    words = [2, 2, 1, 1, 0, 2, 192, 16, 2, 2, -1, 0, 0, 2, 256, 10, 2, 1, 2, 320, 0, 2, 0]
    content = words_and(words, (192, np.arange(4, dtype=np.float32).tobytes()), (256, text))
    os.pwrite(memory, content, 0)
    requests = Requests(memory)
    requests.tensors = (
        tensor("x", "FP32"), tensor("hint", "FP32"), tensor("s", "BYTES"), tensor("e", "INT8")
    )  # fmt: skip
    batch = requests.read(len(content), len(words))
    assert (batch.request_rows, batch.facts) == ([1, 1], None)
    x, hint, s, e = (batch.inputs[name] for name in ("x", "hint", "s", "e"))
    assert hint is None
    assert x is not None and s is not None and e is not None
    assert x.tolist() == [[0, 1], [2, 3]]
    assert not x.flags.owndata
    assert not any(array.flags.writeable for array in (x, s, e))
    assert s.tolist() == [[b"hi"], [b""]]
    assert e.shape == (2, 0)


def test_memory_that_has_grown_is_mapped_anew_and_older_views_live_on(memory: int) -> None:
    requests = Requests(memory)
    requests.tensors = (tensor("x", "UINT8"),)
    words = [1, 1, 1, 0, 2, 128, 1, 1, 1]
    os.pwrite(memory, words_and(words, (128, b"\x07")), 0)
    old = requests.read(129, len(words)).inputs["x"]
    size = 4 * FIRST_BYTES
    os.truncate(memory, size)
    words = [1, 1, 1, 0, 2, size - 1, 1, 1, 1]
    os.pwrite(memory, words_and(words, (size - 1, b"\x09")), 0)
    new = requests.read(size, len(words)).inputs["x"]
    assert old is not None and new is not None
    # The old one sees the new batch's bytes: it was valid until its own batch was executed.
    assert (old.tolist(), new.tolist()) == ([[0]], [[9]])


def test_outputs_are_written_as_the_server_reads_them(memory: int) -> None:
    answers = Answers(memory)
    answers.tensors = (tensor("y", "FP32"), tensor("s", "BYTES"), tensor("n", "INT64"))
    outputs: dict[str, np.ndarray] = {
        "n": np.array(5, np.int64),
        "y": np.arange(3, dtype=np.float32).reshape(3, 1),
        "s": np.array([[b"ab"], [b""], [b"c"]], object),
    }
    size, count = answers.write(outputs)
    content = os.pread(memory, size, 0)
    words = list(struct.unpack_from(f"<{count}q", content))
    assert words == [2, 128, 12, 3, 1, 2, 192, 15, 3, 1, 0, 256, 8]
    assert content[128:140] == outputs["y"].tobytes()
    assert content[192:207] == b"\x02\0\0\0ab\0\0\0\0\x01\0\0\0c"
    assert content[256:264] == struct.pack("<q", 5)


def test_the_memory_grows_for_outputs_up_to_its_bound(memory: int) -> None:
    answers = Answers(memory)
    answers.bytes_max = 3 * FIRST_BYTES
    answers.tensors = (tensor("y", "UINT8"),)
    fits = np.full(3 * FIRST_BYTES - 64, 3, np.uint8)
    size, _ = answers.write({"y": fits})
    assert size == os.fstat(memory).st_size == 3 * FIRST_BYTES
    with mmap.mmap(memory, 0, access=mmap.ACCESS_READ) as mapped:
        assert mapped[64:] == fits.tobytes()
    sentence = r"need 196609 bytes, but at most 196608 \(penstock.shared_bytes_max\)"
    with pytest.raises(TooLargeError, match=sentence):
        answers.write({"y": np.zeros(3 * FIRST_BYTES - 63, np.uint8)})


def test_an_element_that_is_no_bytes_is_named_by_its_output(memory: int) -> None:
    answers = Answers(memory)
    answers.tensors = (tensor("s", "BYTES"),)
    with pytest.raises(BackendError, match="output 's': an element is no bytes object"):
        answers.write({"s": np.array([b"a", 1], object)})


def test_a_load_order_is_read_as_it_was_written() -> None:
    order = LoadOrder(
        plan=ModelPlan(
            name="m",
            version=3,
            platform="python",
            backend="python",
            model_path=Path("/models/m/3/model.py"),
            batch_rows_max=8,
            batch_rows_default=64,
            inputs=(TensorPlan(name="x", datatype="FP32", dims=(-1, 2), is_optional=True),),
            outputs=(tensor("y", "BYTES"),),
            instance_count=2,
        ),
        config=parse_config('name: "m" parameters { key: "a" value { string_value: "ü" } }').config,
        shared_bytes_max=1 << 20,
        python_path=("/a", "/b"),
        log_format="json",
        log_file="",
        log_level="info",
    )
    assert LoadOrder.read(order.document().encode()) == order
