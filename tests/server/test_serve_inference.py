# SPDX-License-Identifier: Apache-2.0
"""A running server answers what the V2 protocol asks, in every datatype and both forms."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.doubles.model_files import TYPES, add_affine, add_identity, add_sum_and_difference
from tests.doubles.running import RunningServer

from penstock_client import (
    Bfloat16,
    Client,
    InvalidArgument,
    NotFound,
    PenstockError,
)

FLOATS = np.array([[0.0, -0.0, 1.5, np.inf], [np.nan, -2.25, 3e4, 6e-5]])
SAMPLES: dict[str, NDArray[Any]] = {
    "BOOL": np.array([[True, False, True, False], [False, False, True, True]]),
    "FP16": FLOATS.astype(np.float16),
    "FP32": FLOATS.astype(np.float32),
    "FP64": FLOATS,
    "BYTES": np.array([[b"", b"\0\xff", "ü".encode(), b"x" * 300]] * 2, dtype=object),
} | {
    name: np.array(
        [[0, 1, 2, 3], [np.iinfo(name.lower()).min, np.iinfo(name.lower()).max, 4, 5]],
        dtype=name.lower(),
    )
    for name in TYPES
    if name.startswith(("INT", "UINT"))
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    repository = tmp_path_factory.mktemp("models")
    for name, datatype in TYPES.items():
        add_identity(repository, f"identity_{name}", [("x", datatype, [4])], rows_max=8)
    add_identity(repository, "whole", [("x", "TYPE_FP32", [-1, 2])], rows_max=0)
    add_sum_and_difference(repository, "two")
    affine_config = "max_batch_size: 4 version_policy { all { } }"
    for version in (1, 2, 10):
        add_affine(repository, "affine", version=version, add=version, config=affine_config)
    with RunningServer(repository) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.grpc) as made:
        yield made


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "typed"])
@pytest.mark.parametrize("name", SAMPLES)
def test_every_datatype_comes_back_as_it_was_sent(client: Client, name: str, raw: bool) -> None:
    sent = SAMPLES[name]
    answer = client.infer(f"identity_{name}", {"x": sent}, raw=raw, timeout=10)["x_out"]
    assert answer.dtype == sent.dtype
    np.testing.assert_array_equal(answer, sent)


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "typed"])
def test_bf16_comes_back_as_it_was_sent(client: Client, raw: bool) -> None:
    sent = Bfloat16.from_float32(np.array([[1.0, -2.5, 3e38, 0.0]], np.float32))
    answer = client.infer("identity_BF16", {"x": sent}, raw=raw, timeout=10)["x_out"]
    assert answer.view(np.uint16).tolist() == sent.bits.tolist()


def test_metadata_tells_tensors_with_the_batch_dimension(client: Client) -> None:
    metadata = client.model_metadata("affine", timeout=10)
    assert metadata.versions == ("1", "2", "10")
    assert metadata.platform == "onnxruntime_onnx"
    assert [(t.name, t.datatype, t.shape) for t in metadata.inputs] == [("x", "FP32", (-1, 3))]
    assert [(t.name, t.datatype, t.shape) for t in metadata.outputs] == [("y", "FP32", (-1, 3))]


def test_a_server_is_live_ready_and_called_triton(client: Client) -> None:
    assert client.server_live(timeout=10)
    assert client.server_ready(timeout=10)
    assert client.server_metadata(timeout=10).name == "triton"
    assert client.health(timeout=10).is_serving


def test_several_inputs_become_several_outputs(client: Client) -> None:
    a, b = np.ones((3, 2), np.float32), np.full((3, 2), 0.25, np.float32)
    answer = client.infer("two", {"b": b, "a": a}, timeout=10)
    np.testing.assert_array_equal(answer["total"], a + b)
    np.testing.assert_array_equal(answer["gap"], a - b)


def test_only_the_outputs_asked_for_come_back_in_the_order_asked(client: Client) -> None:
    inputs = {"a": np.ones((1, 2), np.float32), "b": np.zeros((1, 2), np.float32)}
    assert list(client.infer("two", inputs, outputs=["gap"], timeout=10)) == ["gap"]
    asked = ["gap", "total"]
    assert list(client.infer("two", inputs, outputs=asked, timeout=10)) == asked


def test_a_request_is_answered_with_its_id_model_and_version(client: Client) -> None:
    answer = client.infer(
        "affine", {"x": np.zeros((1, 3), np.float32)}, request_id="id 7", timeout=10
    )
    assert (answer.id, answer.model_name, answer.model_version) == ("id 7", "affine", "10")


@pytest.mark.parametrize(("version", "add"), [("", 10), ("1", 1), ("2", 2), ("10", 10)])
def test_a_version_may_be_named_and_the_latest_is_the_default(
    client: Client, version: str, add: int
) -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    answer = client.infer("affine", {"x": x}, version=version, timeout=10)
    np.testing.assert_array_equal(answer["y"], 2 * x + add)


def test_a_model_that_does_not_batch_takes_whole_shapes(client: Client) -> None:
    x = np.arange(10, dtype=np.float32).reshape(5, 2)
    np.testing.assert_array_equal(client.infer("whole", {"x": x}, timeout=10)["x_out"], x)


def test_concurrent_requests_get_their_own_rows_back(client: Client) -> None:
    def one(number: int) -> bool:
        x = np.full((1 + number % 4, 3), number, np.float32)
        return bool((client.infer("affine", {"x": x}, timeout=30)["y"] == 2 * x + 10).all())

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(one, range(400)))


X = np.zeros((1, 3), np.float32)


@pytest.mark.parametrize(
    ("model", "inputs", "extra", "error", "words"),
    [
        ("rose", {"x": X}, {}, NotFound, ["Request for unknown model", "rose"]),
        ("affine", {"x": X}, {"version": "3"}, NotFound, ["affine", "version 3", "1, 2, 10"]),
        ("affine", {"x": X}, {"version": "one"}, InvalidArgument, ["one", "no whole number"]),
        ("affine", {"z": X}, {}, InvalidArgument, ["unexpected inference input", "z", "x"]),
        ("affine", {}, {}, InvalidArgument, ["x", "missing"]),
        ("affine", {"x": X, "z": X}, {}, InvalidArgument, ["unexpected inference input", "z"]),
        ("affine", {"x": X.astype(np.int64)}, {}, InvalidArgument, ["x", "FP32", "INT64"]),
        ("affine", {"x": X[:, :2]}, {}, InvalidArgument, ["x", "[-1,3]", "[1,2]"]),
        ("affine", {"x": X[0]}, {}, InvalidArgument, ["x", "[-1,3]", "[3]"]),
        ("affine", {"x": X[:0]}, {}, InvalidArgument, ["x", "at least one row"]),
        ("affine", {"x": X.repeat(5, 0)}, {}, InvalidArgument, ["must be <= 4", "[5,3]"]),
        ("affine", {"x": X}, {"outputs": ["z"]}, InvalidArgument, ["inference output 'z'", "y"]),
        (
            "two",
            {"a": X[:, :2], "b": np.zeros((2, 2), np.float32)},
            {},
            InvalidArgument,
            ["b", "same number of rows"],
        ),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(
    client: Client,
    model: str,
    inputs: dict[str, NDArray[Any]],
    extra: dict[str, Any],
    error: type[PenstockError],
    words: list[str],
) -> None:
    with pytest.raises(error) as caught:
        client.infer(model, inputs, timeout=10, **extra)
    sentence = caught.value.why.replace(", ", ",") if "[" in "".join(words) else caught.value.why
    assert [word for word in words if word not in sentence] == []


def test_readiness_tells_why_a_model_is_not_there(client: Client) -> None:
    assert client.model_ready("affine", timeout=10)
    assert client.model_ready("affine", "2", timeout=10)
    answer = client.model_ready("rose", timeout=10)
    assert not answer
    assert "rose" in answer.reason


def test_a_method_that_is_not_served_is_unimplemented(server: RunningServer) -> None:
    with grpc.insecure_channel(server.grpc) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            "/inference.GRPCInferenceService/NoSuchMethod"
        )
        with pytest.raises(grpc.RpcError) as caught:
            call(b"", timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
