# SPDX-License-Identifier: Apache-2.0
"""Labels and buckets that one model of an engine has."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from penstock.config import ServerOptions
from penstock.engine import Engine
from penstock.errors import RepositoryError
from penstock.repository.plan import ModelPlan, TensorPlan
from penstock_client import Client

QUEUE = "nv_inference_queue_duration_histogram_us"
REQUEST = "nv_inference_request_duration_histogram_us"
UNUSED = "nv_inference_first_response_histogram_ms"

PLAIN = ModelPlan(
    name="plain",
    version=1,
    platform="identity",
    backend="identity",
    model_path=Path(),
    batch_rows_max=8,
    batch_rows_default=64,
    inputs=(TensorPlan(name="x", datatype="FP32", dims=(2,)),),
    outputs=(TensorPlan(name="y", datatype="FP32", dims=(2,)),),
)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    options = ServerOptions.model_validate(
        {
            "grpc_address": "127.0.0.1",
            "grpc_port": 0,
            "allow_http": False,
            "metrics_config": [f"{REQUEST},buckets=1000,1e6"],
        }
    )
    engine = Engine(options, None)
    engine.start()
    engine.load(PLAIN)
    engine.load(
        replace(
            PLAIN,
            name="marked",
            metric_tags={"team": 'risk "a"', "tier": "1"},
            metric_buckets={QUEUE: (0.5, 250.0, 67_000_000.0)},
        )
    )
    with Client(f"127.0.0.1:{engine.grpc_port}") as client:
        for model in ("plain", "marked"):
            client.infer(model, {"x": np.zeros((1, 2), np.float32)}, timeout=10)
    yield engine
    engine.stop()


def bounds(engine: Engine, family: str, model: str) -> list[str]:
    (found,) = (
        f for f in text_string_to_metric_families(engine.metrics_text()) if f.name == family
    )
    return [
        s.labels["le"] for s in found.samples if s.labels["model"] == model and "le" in s.labels
    ]


def test_tags_are_labels_of_every_sample_of_the_model(engine: Engine) -> None:
    for family in text_string_to_metric_families(engine.metrics_text()):
        for sample in family.samples:
            if sample.labels.get("model") == "marked":
                assert sample.labels["_team"] == 'risk "a"', sample
                assert sample.labels["_tier"] == "1", sample
            else:
                assert "_team" not in sample.labels


def test_buckets_are_the_models_or_the_servers_or_powers_of_two(engine: Engine) -> None:
    assert bounds(engine, QUEUE, "marked") == ["0.5", "250", "67000000", "+Inf"]
    assert bounds(engine, REQUEST, "marked") == ["1000", "1000000", "+Inf"]
    assert bounds(engine, REQUEST, "plain") == ["1000", "1000000", "+Inf"]
    assert bounds(engine, QUEUE, "plain")[:3] == ["1", "2", "4"]


def test_a_histogram_with_buckets_of_its_own_counts_every_request(engine: Engine) -> None:
    text = engine.metrics_text()
    labels = r'{model="marked",version="1",_team="risk \"a\"",_tier="1"'
    assert f'{QUEUE}_bucket{labels},le="+Inf"}} 1\n' in text
    assert f"{QUEUE}_count{labels}}} 1\n" in text


def test_a_tag_that_cannot_be_a_label_refuses_the_load(engine: Engine) -> None:
    with pytest.raises(RepositoryError, match="'_team' cannot be a label"):
        engine.load(replace(PLAIN, name="wrong", metric_tags={"_team": "x"}))


def test_buckets_that_do_not_rise_refuse_the_load(engine: Engine) -> None:
    with pytest.raises(RepositoryError, match=f"buckets of {QUEUE}: wanted"):
        engine.load(replace(PLAIN, name="wrong", metric_buckets={QUEUE: (5.0, 5.0)}))


def test_buckets_of_a_histogram_that_is_not_kept_are_warned_of(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "penstock.engine"):
        engine.load(replace(PLAIN, name="decoupled", metric_buckets={UNUSED: (5.0,)}))
    assert "metric_buckets_unused" in caplog.text
