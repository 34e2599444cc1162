# SPDX-License-Identifier: Apache-2.0
"""Inference as tritonclient's examples do it, by each of its clients."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from tests.story.triton_clients import Array, TritonClient

#: One tensor of each datatype; what JSON cannot carry is marked by the tests.
VALUES: dict[str, Array] = {
    "BOOL": np.array([True, False, True]),
    "INT8": np.array([-128, 127], np.int8),
    "INT16": np.array([-32768, 32767], np.int16),
    "INT32": np.array([-(2**31), 2**31 - 1], np.int32),
    "INT64": np.array([-(2**63), 2**63 - 1], np.int64),
    "UINT8": np.array([0, 255], np.uint8),
    "UINT16": np.array([0, 65535], np.uint16),
    "UINT32": np.array([0, 2**32 - 1], np.uint32),
    "UINT64": np.array([0, 2**64 - 1], np.uint64),
    "FP16": np.array([0.5, -65504], np.float16),
    "BF16": np.array([0.5, -3.0e38], ml_dtypes.bfloat16),
    "FP32": np.array([1.1, -3.4e38, 0], np.float32),
    "FP64": np.array([1.1, -1.7e308], np.float64),
    "BYTES": np.array(["plain", "grüße", ""], object),
}


def _expected(values: Array) -> list[Any]:
    return [v.encode() for v in values] if values.dtype == object else values.tolist()


def test_one_request_carries_every_datatype_there_and_back(client: TritonClient) -> None:
    inputs = [client.input(name.lower(), values, name) for name, values in VALUES.items()]
    answer = client.infer("every", inputs)
    for name, values in VALUES.items():
        came = answer.as_numpy(f"{name.lower()}_out")
        assert came.dtype == values.dtype
        assert came.tolist() == _expected(values), name


def test_bytes_need_not_be_text(client: TritonClient) -> None:
    sent = np.array([b"\x00\xff\xfe", bytes(range(256))], object)
    others = _others(client, "BYTES")
    answer = client.infer("every", [client.input("bytes", sent, "BYTES"), *others])
    assert answer.as_numpy("bytes_out").tolist() == sent.tolist()


def _others(client: TritonClient, *left_out: str) -> list[Any]:
    """The inputs of `every` besides some."""
    return [
        client.input(name.lower(), values, name)
        for name, values in VALUES.items()
        if name not in left_out
    ]


def test_empty_tensors_go_there_and_back(client: TritonClient) -> None:
    inputs = [client.input(name.lower(), values[:0], name) for name, values in VALUES.items()]
    answer = client.infer("every", inputs)
    for name in VALUES:
        assert answer.as_numpy(f"{name.lower()}_out").shape == (0,)


@pytest.mark.parametrize("client", ["http", "http.aio"], indirect=True)
@pytest.mark.parametrize("asks_for_binary", [False, True])
@pytest.mark.parametrize("sends_binary", [False, True])
def test_json_and_binary_tensors_go_together(
    client: TritonClient, sends_binary: bool, asks_for_binary: bool
) -> None:
    """Every second tensor is binary, or its neighbour is."""
    names = [name for name in VALUES if name != "BF16"]
    inputs = [
        client.input(name.lower(), VALUES[name], name, binary_data=(at % 2 == 0) == sends_binary)
        for at, name in enumerate(names)
    ]
    inputs.append(client.input("bf16", VALUES["BF16"], "BF16"))
    outputs = [
        client.output(f"{name.lower()}_out", binary_data=(at % 2 == 0) == asks_for_binary)
        for at, name in enumerate(names)
    ]
    outputs.append(client.output("bf16_out"))
    answer = client.infer("every", inputs, outputs=outputs)
    for at, name in enumerate(names):
        output = answer.get_output(f"{name.lower()}_out")
        assert ("data" in output) == ((at % 2 == 0) != asks_for_binary)
        came = answer.as_numpy(f"{name.lower()}_out").tolist()
        if "data" in output and name == "BYTES":
            assert came == VALUES[name].tolist()
        else:
            assert came == _expected(VALUES[name]), name
    assert answer.as_numpy("bf16_out").tolist() == VALUES["BF16"].tolist()


def test_two_inputs_give_the_outputs_that_are_asked_for(client: TritonClient) -> None:
    a = np.array([[1, 2], [3, 4]], np.float32)
    b = np.array([[10, 20], [30, 40]], np.float32)
    inputs = [client.input("b", b, "FP32"), client.input("a", a, "FP32")]
    answer = client.infer("simple", inputs, request_id="ä-1")
    np.testing.assert_array_equal(answer.as_numpy("total"), a + b)
    np.testing.assert_array_equal(answer.as_numpy("gap"), a - b)
    told = client.answer(answer)
    assert (told["model_name"], told["model_version"], told["id"]) == ("simple", "1", "ä-1")
    only = client.infer("simple", inputs, outputs=[client.output("gap")])
    np.testing.assert_array_equal(only.as_numpy("gap"), a - b)
    assert only.as_numpy("total") is None
    swapped = client.infer("simple", inputs, outputs=[client.output("gap"), client.output("total")])
    assert [o["name"] for o in client.answer(swapped)["outputs"]] == ["gap", "total"]


def test_a_version_may_be_named(client: TritonClient) -> None:
    x = np.zeros((1, 3), np.float32)
    for version, added in (("1", 1), ("3", 3), ("", 3)):
        answer = client.infer("affine", [client.input("x", x, "FP32")], model_version=version)
        assert answer.as_numpy("y").tolist() == [[added] * 3]
        assert client.answer(answer)["model_version"] == (version or "3")


def test_inputs_may_be_used_again(client: TritonClient) -> None:
    """As Triton's reuse_infer_objects_client does."""
    tensor = client.input("x", np.zeros((1, 3), np.float32), "FP32")
    output = client.output("y")
    for value in range(3):
        tensor.set_data_from_numpy(np.full((1, 3), value, np.float32))
        answer = client.infer("affine", [tensor], model_version="1", outputs=[output])
        assert answer.as_numpy("y").tolist() == [[2.0 * value + 1] * 3]


def test_parameters_priority_and_timeout_are_taken(client: TritonClient) -> None:
    answer = client.infer(
        "affine",
        [client.input("x", np.zeros((1, 3), np.float32), "FP32")],
        priority=1,
        timeout=30_000_000,
        parameters={"tenant": "blue", "retries": 3, "is_test": True},
        headers={"x-tenant": "blue"},
    )
    assert answer.as_numpy("y").shape == (1, 3)


def test_the_best_classes_come_with_their_labels(client: TritonClient) -> None:
    """As Triton's image_client asks."""
    scores = np.array([[0.5, 4, 2], [9, 8, 7]], np.float32)
    answer = client.infer(
        "pets",
        [client.input("scores", scores, "FP32")],
        outputs=[client.output("scores_out", class_count=2)],
    )
    assert answer.as_numpy("scores_out").tolist() == [
        [b"4.000000:1:dog", b"2.000000:2:fish"],
        [b"9.000000:0:cat", b"8.000000:1:dog"],
    ]


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_requests_and_answers_may_be_compressed(client: TritonClient, algorithm: str) -> None:
    x = np.tile(np.arange(3, dtype=np.float32), (8, 1))
    texts = np.array(["a long text " * 500], object)
    if client.is_grpc:
        options = {"compression_algorithm": algorithm}
    else:
        options = {
            "request_compression_algorithm": algorithm,
            "response_compression_algorithm": algorithm,
        }
    answer = client.infer("affine", [client.input("x", x, "FP32")], model_version="1", **options)
    np.testing.assert_array_equal(answer.as_numpy("y"), 2 * x + 1)
    inputs = [client.input("bytes", texts, "BYTES"), *_others(client, "BYTES")]
    answer = client.infer("every", inputs, **options)
    assert answer.as_numpy("bytes_out").tolist() == _expected(texts)


# aiohttp's own advice to tritonclient.
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
def test_a_large_tensor_goes_there_and_back(client: TritonClient) -> None:
    sent = np.random.default_rng(3).random(4 << 20, np.float32)
    inputs = [client.input("fp32", sent, "FP32"), *_others(client, "FP32")]
    outputs = [client.output("fp32_out")]
    came = client.infer("every", inputs, outputs=outputs).as_numpy("fp32_out")
    np.testing.assert_array_equal(came, sent)
