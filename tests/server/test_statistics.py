# SPDX-License-Identifier: Apache-2.0
"""The statistics of an engine that has answered known requests."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from penstock.config import ServerOptions
from penstock.engine import Engine
from penstock.errors import UnknownModelError
from penstock.repository.plan import ModelPlan, TensorPlan
from penstock.statistics import EngineStatistics
from penstock_client import Client, InvalidArgument
from penstock_client._proto.inference_extensions_pb2 import ModelStatistics

ROWS = (1, 3, 3, 8)


def plan(name: str, version: int, *, lane: str = "auto", batch_rows_max: int = 8) -> ModelPlan:
    return ModelPlan(
        name=name,
        version=version,
        platform="identity",
        backend="identity",
        model_path=Path(),
        batch_rows_max=batch_rows_max,
        batch_rows_default=64,
        inputs=(TensorPlan(name="x", datatype="FP32", dims=(2,)),),
        outputs=(TensorPlan(name="y", datatype="FP32", dims=(2,)),),
        lane=lane,
    )


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    options = ServerOptions.model_validate(
        {
            "allow_http": False,
            "grpc_address": "127.0.0.1",
            "grpc_port": 0,
            "grpc_infer_thread_count": 2,
        }
    )
    engine = Engine(options, None)
    engine.start()
    engine.load(plan("inline", 1))
    engine.load(plan("inline", 2))
    engine.load(plan("queued", 1, lane="batch"))
    engine.load(plan("single", 1, batch_rows_max=0))
    engine.load(plan("reloaded", 1))
    engine.set_failed("broken", 1, "it is broken")
    engine.set_ready(True)
    with Client(f"127.0.0.1:{engine.grpc_port}") as client:
        for model in ("inline", "queued"):
            for rows in ROWS:
                client.infer(model, {"x": np.zeros((rows, 2), np.float32)}, timeout=10)
            with pytest.raises(InvalidArgument):
                client.infer(model, {"x": np.zeros((1, 5), np.float32)}, timeout=10)
        client.infer("single", {"x": np.zeros(2, np.float32)}, timeout=10)
        client.infer("reloaded", {"x": np.zeros((1, 2), np.float32)}, timeout=10)
    yield engine
    engine.stop()


@pytest.fixture(scope="module")
def source(engine: Engine) -> EngineStatistics:
    return EngineStatistics(engine.statistics)


def of(source: EngineStatistics, model: str, version: str = "") -> ModelStatistics:
    (told,) = source.statistics(model, version)
    return told


@pytest.mark.parametrize(("model", "version"), [("inline", "2"), ("queued", "1")])
def test_inferences_are_rows_and_executions_are_batches(
    source: EngineStatistics, model: str, version: str
) -> None:
    told = of(source, model, version)
    assert (told.name, told.version) == (model, version)
    assert told.inference_count == sum(ROWS)
    assert told.execution_count == len(ROWS)
    assert abs(told.last_inference - time.time() * 1000) < 600_000


@pytest.mark.parametrize("model", ["inline", "queued"])
def test_each_phase_is_counted_per_request_and_their_sum_is_within_the_whole(
    source: EngineStatistics, model: str
) -> None:
    stats = source.statistics(model)[-1].inference_stats
    parts = (stats.queue, stats.compute_input, stats.compute_infer, stats.compute_output)
    assert [stats.success.count, *(part.count for part in parts)] == [len(ROWS)] * 5
    assert 0 < sum(part.ns for part in parts) <= stats.success.ns
    assert stats.cache_hit.count == stats.cache_miss.count == 0


@pytest.mark.parametrize("model", ["inline", "queued"])
def test_a_refused_request_is_a_failure_with_the_time_it_took(
    source: EngineStatistics, model: str
) -> None:
    fail = source.statistics(model)[-1].inference_stats.fail
    assert fail.count == 1
    assert 0 < fail.ns < 10_000_000_000


@pytest.mark.parametrize("model", ["inline", "queued"])
def test_batches_are_told_apart_by_their_size(source: EngineStatistics, model: str) -> None:
    told = source.statistics(model)[-1]
    assert [(size.batch_size, size.compute_infer.count) for size in told.batch_stats] == [
        (1, 1),
        (3, 2),
        (8, 1),
    ]
    for size in told.batch_stats:
        assert size.compute_input.count == size.compute_output.count == size.compute_infer.count
    # One request made each batch here, so what batches took is what requests did.
    infer_ns = sum(size.compute_infer.ns for size in told.batch_stats)
    assert infer_ns == told.inference_stats.compute_infer.ns > 0


def test_a_model_without_a_batch_dimension_executes_batches_of_one(
    source: EngineStatistics,
) -> None:
    told = of(source, "single")
    assert (told.inference_count, told.execution_count) == (1, 1)
    assert [size.batch_size for size in told.batch_stats] == [1]


def test_without_a_name_all_loaded_versions_come_by_name_and_number(
    source: EngineStatistics,
) -> None:
    told = [(one.name, one.version) for one in source.statistics()]
    assert told == [
        ("inline", "1"),
        ("inline", "2"),
        ("queued", "1"),
        ("reloaded", "1"),
        ("single", "1"),
    ]
    assert [one.version for one in source.statistics("inline")] == ["1", "2"]


def test_a_version_that_served_nothing_counts_nothing(source: EngineStatistics) -> None:
    told = of(source, "inline", "1")
    assert (told.inference_count, told.execution_count, told.last_inference) == (0, 0, 0)
    assert told.inference_stats.success.count == told.inference_stats.fail.count == 0
    assert list(told.batch_stats) == []
    assert dict(told.response_stats) == {}


@pytest.mark.parametrize("model", ["absent", "broken"])
def test_a_model_that_is_not_served_is_unknown(source: EngineStatistics, model: str) -> None:
    with pytest.raises(UnknownModelError) as caught:
        source.statistics(model)
    assert caught.value.code == "NOT_FOUND"
    assert "Request for unknown model" in str(caught.value)
    assert f"requested model '{model}' is not available" in str(caught.value)


@pytest.mark.parametrize("version", ["3", "one", "01"])
def test_a_version_that_is_not_served_is_unknown(source: EngineStatistics, version: str) -> None:
    with pytest.raises(UnknownModelError) as caught:
        source.statistics("inline", version)
    assert "requested model version is not available for model 'inline'" in str(caught.value)
    assert str(caught.value).endswith("ready is 1, 2")


def test_a_version_that_is_loaded_again_begins_at_nothing(
    engine: Engine, source: EngineStatistics
) -> None:
    assert of(source, "reloaded").inference_count == 1
    engine.load(plan("reloaded", 1))
    assert of(source, "reloaded").inference_count == 0
