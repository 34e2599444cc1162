# SPDX-License-Identifier: Apache-2.0
"""Memory that is not there fails the request that wanted it, with a sentence, and nothing else."""

from __future__ import annotations

import gzip
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper
from tests.doubles.h2_peer import H2Peer, Stream, framed
from tests.doubles.model_files import add_graph, add_identity, add_python
from tests.doubles.running import RunningServer
from tests.protocol.calls import INFER, echo_request, numbers

from penstock.native.artifact import ArtifactBuilder, write_artifact
from penstock_client._proto import inference_pb2
from penstock_client._proto import native_artifact_pb2 as pb

RESOURCE_EXHAUSTED = 8
MIB = 1 << 20
#: What the server may still take beyond what it has.
ROOM_BYTES = 100 * MIB
TOO_MANY = 160 * MIB
#: Once, but not twice.
HALF_TOO_MANY = 60 * MIB

ONES = """
    import numpy as np

    class Ones:
        def execute(self, batch):
            return {"y": np.ones(int(batch["n"][0]), np.float32)}
"""
STRINGS = """
    import numpy as np

    class Strings:
        def execute(self, batch):
            return {"y": np.array([b"s" * int(batch["n"][0])], object)}
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that has started and loaded, and may take little memory more."""
    repository = tmp_path_factory.mktemp("models")
    add_identity(repository, "echo", [("x", "TYPE_FP32", [-1])], rows_max=0)
    size = [("n", "TYPE_INT64", [1])]
    add_python(repository, "ones", ONES, inputs=size, outputs=[("y", "TYPE_FP32", [-1])])
    add_python(repository, "strings", STRINGS, inputs=size, outputs=[("y", "TYPE_STRING", [-1])])
    add_graph(
        repository,
        "filled",
        [helper.make_node("ConstantOfShape", ["n"], ["y"])],
        inputs=[helper.make_tensor_value_info("n", TensorProto.INT64, [1])],
        outputs=[helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])],
        config="max_batch_size: 0",
    )
    add_labels(repository)
    with RunningServer(repository, flags=("--grpc-infer-thread-count=1",)) as server:
        for model in ("ones", "strings", "filled"):
            assert sized(server, model, 3).status == 0
        pid = server.process.pid
        limit = address_space_bytes(pid) + ROOM_BYTES
        resource.prlimit(pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        yield server
        resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)


def add_labels(repository: Path) -> None:
    """A compiled model of a text for each byte, with as many rows as one likes."""
    builder = ArtifactBuilder(source="a test")
    x = builder.input("x", "UINT8", pb.INT64, dims=[1])
    y = builder.step(pb.Labels(strings=["", "a label"]), [x], pb.TEXT, 1)
    builder.output("y", "BYTES", y, dims=[1])
    folder = repository / "labels"
    (folder / "1").mkdir(parents=True)
    (folder / "config.pbtxt").write_text(
        'backend: "native" max_batch_size: 0 '
        'input { name: "x" data_type: TYPE_UINT8 dims: [-1, 1] } '
        'output { name: "y" data_type: TYPE_STRING dims: [-1, 1] }'
    )
    write_artifact(builder.finish(), folder / "1" / "model.pnst")


def address_space_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()


def sized(server: RunningServer, model: str, count: int) -> Stream:
    """A call that asks `model` for so many elements."""
    request = inference_pb2.ModelInferRequest(model_name=model)
    request.inputs.add(name="n", datatype="INT64", shape=[1])
    request.raw_input_contents.append(np.array([count], np.int64).tobytes())
    with H2Peer(server.grpc, window_bytes=1 << 24) as peer:
        answer = peer.call(INFER, request.SerializeToString())
        peer.wait_for(answer)
    return answer


def assert_serves(peer: H2Peer) -> None:
    answer = peer.call(INFER, echo_request(np.arange(4)))
    peer.wait_for(answer)
    assert numbers(answer.message) == [0, 1, 2, 3]


def test_a_message_that_memory_cannot_hold_is_refused(small: RunningServer) -> None:
    with H2Peer(small.grpc) as neighbour, H2Peer(small.grpc) as peer:
        stream = peer.open(INFER)
        peer.send(stream, b"\0" + TOO_MANY.to_bytes(4, "big"))
        while stream.reset_code is None:
            peer.send(stream, bytes(MIB))
        assert (stream.status, stream.reset_code) == (RESOURCE_EXHAUSTED, 0)
        assert stream.why == f"no memory for a message of {TOO_MANY} bytes"
        assert_serves(peer)
        assert_serves(neighbour)


def test_a_message_that_memory_cannot_hold_decompressed_is_refused(small: RunningServer) -> None:
    with H2Peer(small.grpc) as peer:
        stream = peer.open(INFER, [("grpc-encoding", "gzip")])
        peer.send(stream, framed(gzip.compress(bytes(TOO_MANY)), flag=1), is_last=True)
        peer.wait_for(stream)
        assert stream.status == RESOURCE_EXHAUSTED
        assert stream.why == "no memory to decompress a message"
        assert_serves(peer)


@pytest.mark.parametrize(
    ("model", "elements", "reason"),
    [
        ("ones", TOO_MANY // 4, "Model 'ones' failed: "),
        ("ones", HALF_TOO_MANY // 4, f"no memory for the {HALF_TOO_MANY} bytes of output 'y'"),
        ("strings", TOO_MANY, "Model 'strings' failed: MemoryError"),
        ("strings", HALF_TOO_MANY, f"no memory for the {HALF_TOO_MANY + 4} bytes of output 'y'"),
        ("filled", TOO_MANY // 4, "onnxruntime could not run the model: "),
        ("filled", HALF_TOO_MANY // 4, f"no memory for an output of {HALF_TOO_MANY} bytes"),
    ],
    ids=["Python's array", "its copy", "Python's strings", "their copy", "ONNX Runtime's tensor",
         "its copy"],
)  # fmt: skip
def test_an_output_that_memory_cannot_hold_fails_its_request(
    small: RunningServer, model: str, elements: int, reason: str
) -> None:
    with H2Peer(small.grpc) as neighbour:
        answer = sized(small, model, elements)
        assert answer.status == RESOURCE_EXHAUSTED, answer.why
        assert reason in answer.why
        assert sized(small, model, 3).status == 0
        assert_serves(neighbour)


def test_texts_that_memory_cannot_hold_fail_their_request(small: RunningServer) -> None:
    def labels(rows: int, content: bytes) -> Stream:
        request = inference_pb2.ModelInferRequest(model_name="labels")
        request.inputs.add(name="x", datatype="UINT8", shape=[rows, 1])
        request.raw_input_contents.append(content)
        with H2Peer(small.grpc, window_bytes=1 << 24) as peer:
            answer = peer.call(INFER, request.SerializeToString())
            peer.wait_for(answer)
        return answer

    rows = 8 * MIB
    for content in (bytes(rows), b"\1" * rows):  # of 16 bytes each, and of 11 in the answer
        answer = labels(rows, content)
        assert answer.status == RESOURCE_EXHAUSTED, answer.why
        assert answer.why.endswith(f"no memory for the texts of {rows} rows")
    assert labels(2, b"\1\0").status == 0
