# SPDX-License-Identifier: Apache-2.0
"""What tritonclient's users ask before they send anything, by each of its clients."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc
from tests.doubles.running import RunningServer
from tests.story.triton_clients import TritonClient

EXTENSIONS = {
    "binary_tensor_data",
    "classification",
    "cuda_shared_memory",
    "logging",
    "model_configuration",
    "model_repository",
    "model_repository(unload_dependents)",
    "parameters",
    "schedule_policy",
    "statistics",
    "system_shared_memory",
    "trace",
}
TIMES = ("queue", "compute_input", "compute_infer", "compute_output")


def test_server_and_models_are_live_and_ready(client: TritonClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready(headers={"x-probe": "1"})
    assert client.is_model_ready("affine")
    assert client.is_model_ready("affine", "1")
    assert client.is_model_ready("affine", "3")
    assert not client.is_model_ready("affine", "2")
    assert not client.is_model_ready("rose")


def test_the_server_says_what_triton_says_of_itself(client: TritonClient) -> None:
    told = client.told("get_server_metadata")
    assert told["name"] == "triton"
    assert told["version"]
    assert set(told["extensions"]) >= EXTENSIONS


def test_a_models_metadata_has_versions_and_tensors(client: TritonClient) -> None:
    told = client.told("get_model_metadata", "affine")
    assert (told["name"], told["platform"]) == ("affine", "onnxruntime_onnx")
    assert told["versions"] == ["1", "3"]
    for tensor, name in ((told["inputs"][0], "x"), (told["outputs"][0], "y")):
        assert (tensor["name"], tensor["datatype"]) == (name, "FP32")
        assert [int(size) for size in tensor["shape"]] == [-1, 3]


def test_a_models_configuration_is_complete(client: TritonClient) -> None:
    told = client.told("get_model_config", "affine", "3")
    # tritonclient.grpc has the configuration in a field of the answer.
    config = told["config"] if client.is_grpc else told
    assert (config["name"], config["backend"]) == ("affine", "onnxruntime")
    assert config["max_batch_size"] == 8
    assert config["input"][0]["data_type"] == "TYPE_FP32"
    assert [int(size) for size in config["output"][0]["dims"]] == [3]
    assert "all" in config["version_policy"]


def test_the_index_has_all_models_and_versions(client: TritonClient) -> None:
    told = client.told("get_model_repository_index")
    lines = told["models"] if client.is_grpc else told
    found = {(line["name"], line["version"]): line["state"] for line in lines}
    assert found["affine", "1"] == found["affine", "3"] == "READY"
    assert found["simple", "1"] == "READY"


def _counts(told: dict[str, Any]) -> dict[str, Any]:
    """A model's statistics with every number as one, whatever the client makes of zeros."""
    [model] = told["model_stats"]
    stats = model["inference_stats"]

    def number(group: dict[str, Any], name: str) -> int:
        return int(group.get(name, 0))

    return {
        "inferences": number(model, "inference_count"),
        "executions": number(model, "execution_count"),
        "last": number(model, "last_inference"),
        "count": {name: number(stats.get(name, {}), "count") for name in (*TIMES, "success")},
        "ns": {name: number(stats.get(name, {}), "ns") for name in (*TIMES, "success")},
        "failed": number(stats.get("fail", {}), "count"),
        "batches": {
            int(batch["batch_size"]): {
                name: (number(batch.get(name, {}), "count"), number(batch.get(name, {}), "ns"))
                for name in ("compute_input", "compute_infer", "compute_output")
            }
            for batch in model.get("batch_stats", [])
        },
    }


@pytest.fixture
def loaded(triton_server: RunningServer) -> Iterator[Any]:
    """Sends 60 requests of 1 to 3 rows to `model`, by four threads; gives how many rows."""

    def load(model: str) -> int:
        made = tritonclient.grpc.InferenceServerClient(triton_server.grpc)

        def send(number: int) -> int:
            rows = number % 3 + 1
            tensor = tritonclient.grpc.InferInput("x", [rows, 3], "FP32")
            tensor.set_data_from_numpy(np.ones((rows, 3), np.float32))
            made.infer(model, [tensor])
            return rows

        with ThreadPoolExecutor(4) as threads:
            rows = sum(threads.map(send, range(60)))
        made.close()
        return rows

    yield load


def test_statistics_before_and_after_a_load_add_up(client: TritonClient, loaded: Any) -> None:
    """What perf_analyzer computes its report from."""
    before = _counts(client.told("get_inference_statistics", "affine", "3"))
    rows = loaded("affine")
    after = _counts(client.told("get_inference_statistics", "affine", "3"))
    assert after["count"]["success"] - before["count"]["success"] == 60
    assert after["inferences"] - before["inferences"] == rows
    assert after["failed"] == before["failed"]
    assert after["last"] >= before["last"] > 0 or before["last"] == 0
    assert set(after["count"].values()) == {after["count"]["success"]}
    for name in TIMES:
        assert after["ns"][name] >= before["ns"][name]
    assert sum(after["ns"][name] for name in TIMES) <= after["ns"]["success"]
    batches = after["batches"]
    for name in ("compute_input", "compute_infer", "compute_output"):
        assert sum(size * batch[name][0] for size, batch in batches.items()) == after["inferences"]
        assert sum(batch[name][0] for batch in batches.values()) == after["executions"]
        # A batch's time is that of each of its requests.
        assert sum(batch[name][1] for batch in batches.values()) <= after["ns"][name]


def test_statistics_of_all_models_are_told_at_once(client: TritonClient) -> None:
    told = client.told("get_inference_statistics")["model_stats"]
    assert {(model["name"], model["version"]) for model in told} >= {
        ("affine", "1"),
        ("affine", "3"),
        ("simple", "1"),
    }


def _trace(client: TritonClient, told: Any) -> dict[str, list[str]]:
    """Settings as lists, which tritonclient.http has for the levels alone."""
    if client.is_grpc:
        return {name: setting.get("value", []) for name, setting in told["settings"].items()}
    return {name: value if isinstance(value, list) else [value] for name, value in told.items()}


def test_trace_settings_are_kept_and_cleared(client: TritonClient) -> None:
    def settings(model: str | None = None) -> dict[str, list[str]]:
        return _trace(client, client.told("get_trace_settings", model))

    was = settings()
    assert was["trace_level"] == ["OFF"]
    changed = {"trace_rate": "50", "trace_count": "7"}
    told = client.told("update_trace_settings", "simple", changed)
    assert _trace(client, told)["trace_rate"] == ["50"]
    assert settings("simple")["trace_count"] == ["7"]
    assert settings() == was
    client.update_trace_settings("simple", {"trace_rate": None, "trace_count": None})
    assert settings("simple") == was


def _log(client: TritonClient, told: Any) -> dict[str, Any]:
    if client.is_grpc:
        return {name: next(iter(value.values())) for name, value in told["settings"].items()}
    return dict(told)


def test_log_settings_are_kept(client: TritonClient) -> None:
    was = _log(client, client.told("get_log_settings"))
    assert was["log_info"] is True
    changed = {"log_verbose_level": 1, "log_warning": False, "log_format": "ISO8601"}
    told = _log(client, client.told("update_log_settings", changed))
    assert told == {**was, **changed}
    assert _log(client, client.told("get_log_settings")) == told
    client.update_log_settings({name: was[name] for name in changed})
    assert _log(client, client.told("get_log_settings")) == was
