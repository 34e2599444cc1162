# SPDX-License-Identifier: Apache-2.0
"""Models come and go by tritonclient, as Triton's simple_*_model_control does it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.doubles.model_files import add_affine
from tests.story.triton_clients import TritonClient
from tritonclient.utils import InferenceServerException


def _refusal(work: Callable[..., Any], *arguments: Any, **options: Any) -> tuple[str, str]:
    with pytest.raises(InferenceServerException) as raised:
        work(*arguments, **options)
    return raised.value.message(), raised.value.status()


def _config(client: TritonClient, model: str) -> dict[str, Any]:
    told = client.told("get_model_config", model)
    found: dict[str, Any] = told["config"] if client.is_grpc else told
    return found


def _state(client: TritonClient, model: str) -> tuple[str, str]:
    told = client.told("get_model_repository_index")
    lines = told["models"] if client.is_grpc else told
    [line] = [line for line in lines if line["name"] == model]
    return line.get("state", ""), line.get("reason", "")


def test_a_model_is_unloaded_and_loaded(client: TritonClient) -> None:
    client.unload_model("simple")
    assert not client.is_model_ready("simple")
    assert _state(client, "simple") == ("UNAVAILABLE", "unloaded")
    client.load_model("simple")
    assert client.is_model_ready("simple")
    client.unload_model("simple", unload_dependents=True)
    client.load_model("simple")
    assert _state(client, "simple")[0] == "READY"


def test_a_configuration_stands_in_until_the_next_load(client: TritonClient) -> None:
    text = json.dumps({"backend": "onnxruntime", "max_batch_size": 5, "dynamic_batching": {}})
    client.load_model("simple", config=text)
    config = _config(client, "simple")
    assert config["max_batch_size"] == 5
    assert "dynamic_batching" in config
    a = np.ones((6, 2), np.float32)
    inputs = [client.input("a", a, "FP32"), client.input("b", a, "FP32")]
    assert "5" in _refusal(client.infer, "simple", inputs)[0]
    client.load_model("simple")
    assert _config(client, "simple")["max_batch_size"] != 5
    assert client.infer("simple", inputs).as_numpy("gap").tolist() == [[0, 0]] * 6


def test_a_model_is_made_of_files_that_a_client_sends(client: TritonClient, tmp_path: Path) -> None:
    """The files need no folder in the repository; without them the model is gone."""
    add_affine(tmp_path, "sent", add=7)
    graph = (tmp_path / "sent" / "1" / "model.onnx").read_bytes()
    files = {"file:1/model.onnx": graph}
    client.load_model("sent", config='{"backend": "onnxruntime"}', files=files)
    x = np.zeros((1, 3), np.float32)
    assert client.infer("sent", [client.input("x", x, "FP32")]).as_numpy("y").tolist() == [[7] * 3]
    client.unload_model("sent")
    assert not client.is_model_ready("sent")
    why, _ = _refusal(client.load_model, "sent")
    assert "failed to load 'sent', failed to poll from model repository" in why


def test_files_of_a_model_in_the_repository_stand_in_for_its_own(
    client: TritonClient, tmp_path: Path
) -> None:
    """A failed load leaves what is served as it was."""
    add_affine(tmp_path, "affine", add=100)
    graph = (tmp_path / "affine" / "1" / "model.onnx").read_bytes()
    config = '{"backend": "onnxruntime", "max_batch_size": 8}'
    x = np.zeros((1, 3), np.float32)

    def answered() -> tuple[str, float]:
        answer = client.infer("affine", [client.input("x", x, "FP32")])
        return client.answer(answer)["model_version"], float(answer.as_numpy("y")[0, 0])

    assert answered() == ("3", 3)
    client.load_model("affine", config=config, files={"file:5/model.onnx": graph})
    assert answered() == ("5", 100)
    broken = {"file:6/model.onnx": b"no graph"}
    why, _ = _refusal(client.load_model, "affine", config=config, files=broken)
    assert "failed to load 'affine'" in why
    assert answered() == ("5", 100)
    client.load_model("affine")
    assert answered() == ("3", 3)


def test_what_cannot_be_loaded_is_said_why(client: TritonClient) -> None:
    internal = "StatusCode.INTERNAL" if client.is_grpc else "500"
    why, status = _refusal(client.load_model, "rose")
    assert why.startswith("failed to load 'rose', failed to poll from model repository")
    assert status == internal
    why, _ = _refusal(client.load_model, "simple", config='{"max_batch_size": "many"}')
    assert "failed to load 'simple'" in why and "max_batch_size" in why
    why, _ = _refusal(client.load_model, "simple", files={"file:1/model.onnx": b""})
    assert "failed to load 'simple'" in why and "config" in why
    assert client.is_model_ready("simple")
    client.unload_model("rose")  # as Triton does, without a word
