# SPDX-License-Identifier: Apache-2.0
"""What tritonclient raises: texts that users' programs look for, and Triton's codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.story.triton_clients import TritonClient
from tritonclient.utils import InferenceServerException

#: gRPC's code -> that of REST.
CODES = {
    "NOT_FOUND": "404",
    "INVALID_ARGUMENT": "400",
    "INTERNAL": "500",
    "UNAVAILABLE": "503",
    "UNIMPLEMENTED": "501",
}
X = np.zeros((1, 3), np.float32)
PAIR = np.zeros((1, 2), np.float32)


class Refusal:
    """Does what a test says and holds what is raised."""

    def __init__(self, client: TritonClient) -> None:
        self._client = client

    def __call__(self, call: str, *arguments: Any, **options: Any) -> str:
        """The code, which must be the same by gRPC and by REST, and the text."""
        with pytest.raises(InferenceServerException) as raised:
            getattr(self._client, call)(*arguments, **options)
        status = raised.value.status()
        if self._client.is_grpc:
            code = status.removeprefix("StatusCode.")
        else:
            code = next(name for name, number in CODES.items() if number == status)
        return f"{code}: {raised.value.message()}"


@pytest.fixture
def refused(client: TritonClient) -> Refusal:
    return Refusal(client)


@pytest.mark.parametrize(
    "call", ["get_model_metadata", "get_model_config", "get_inference_statistics"]
)
def test_a_model_or_a_version_that_is_not_there(refused: Refusal, call: str) -> None:
    text = refused(call, "rose")
    assert text.startswith("NOT_FOUND: Request for unknown model: ")
    assert "'rose'" in text
    text = refused(call, "affine", "2")
    assert text.startswith("NOT_FOUND: Request for unknown model: ")
    assert "'affine'" in text


def test_inference_by_an_unknown_model(client: TritonClient, refused: Refusal) -> None:
    sent = [client.input("x", X, "FP32")]
    text = refused("infer", "rose", sent)
    assert text.startswith("NOT_FOUND: Request for unknown model: 'rose' is not found")
    text = refused("infer", "affine", sent, model_version="2")
    assert text.startswith("NOT_FOUND: Request for unknown model: 'affine' version 2 is not found")


def test_wrong_inputs_and_outputs(client: TritonClient, refused: Refusal) -> None:
    x = client.input("x", X, "FP32")
    wrong = "INVALID_ARGUMENT: "
    assert refused("infer", "affine", [client.input("z", X, "FP32")]).startswith(
        wrong + "unexpected inference input 'z' for model 'affine'"
    )
    assert refused("infer", "affine", [client.input("x", X.astype(np.int32), "INT32")]) == (
        wrong + "inference input 'x' data-type is 'INT32', but model 'affine' expects 'FP32'"
    )
    assert refused("infer", "affine", [client.input("x", PAIR, "FP32")]).startswith(
        wrong + "unexpected shape for input 'x' for model 'affine'. Expected [-1,3], got [1,2]"
    )
    assert refused("infer", "simple", [client.input("a", PAIR, "FP32")]).startswith(
        wrong + "expected 2 inputs but got 1 inputs for model 'simple'"
    )
    assert refused("infer", "affine", [x], outputs=[client.output("z")]).startswith(
        wrong + "unexpected inference output 'z' for model 'affine'"
    )
    many = client.input("x", np.zeros((9, 3), np.float32), "FP32")
    text = refused("infer", "affine", [many])
    assert text.startswith(wrong) and "9" in text and "8" in text


def test_an_input_without_data(client: TritonClient, refused: Refusal) -> None:
    text = refused("infer", "affine", [client.library.InferInput("x", [1, 3], "FP32")])
    assert text.startswith("INVALID_ARGUMENT: ") and "'x'" in text.replace('"', "'")


def test_a_model_that_fails_says_what_it_raised(client: TritonClient, refused: Refusal) -> None:
    text = refused("infer", "fallible", [client.input("x", PAIR, "FP32")])
    assert text.startswith("INTERNAL: ") and "the sensor is dark" in text


def test_settings_that_are_none_or_cannot_be_set(refused: Refusal) -> None:
    assert "'trace_lvl'" in refused("update_trace_settings", None, {"trace_lvl": "OFF"})
    assert refused("get_trace_settings", "rose").startswith(
        "INVALID_ARGUMENT: Request for unknown model : rose"
    )
    assert "'log_lvl'" in refused("update_log_settings", {"log_lvl": 1})
    assert refused("update_log_settings", {"log_file": "/tmp/x"}) == (
        "UNIMPLEMENTED: log file location can not be updated through network protocol"
    )
