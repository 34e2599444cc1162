# SPDX-License-Identifier: Apache-2.0

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.doubles.recording_engine import RecordingEngine

from penstock.config import ServerOptions
from penstock.repository.controller import RepositoryController
from penstock.repository.instances import Machine
from penstock.repository.loader import LOADING, LoadReport

IDENTITY = """
backend: "identity" max_batch_size: 4
input { name: "x" data_type: TYPE_FP32 dims: 1 }
output { name: "y" data_type: TYPE_FP32 dims: 1 }
"""


def told_of(tmp_path: Path, *configs: str, versions: Sequence[int] = (1,)) -> RecordingEngine:
    return loaded(tmp_path, *configs, versions=versions)[0]


def loaded(
    tmp_path: Path,
    *configs: str,
    versions: Sequence[int] = (1,),
    ailing: int = 0,
    model_load_retry_count: int = 0,
) -> tuple[RecordingEngine, list[LoadReport]]:
    for number, config in enumerate(configs):
        for version in versions:
            (tmp_path / f"m{number}" / str(version)).mkdir(parents=True)
        (tmp_path / f"m{number}" / "config.pbtxt").write_text(config)
    engine = RecordingEngine()
    engine.ailing = {"m0": ailing}
    options = ServerOptions.model_validate(
        {
            "model_load_thread_count": 1,
            "model_repository": [str(tmp_path)],
            "model_load_retry_count": model_load_retry_count,
        }
    )
    reports = asyncio.run(_started(RepositoryController(engine, options, Machine())))
    return engine, reports


async def _started(controller: RepositoryController) -> list[LoadReport]:
    reports = await controller.start()
    await controller.stop()
    return reports


def test_every_model_is_loading_before_the_first_is_loaded(tmp_path: Path) -> None:
    told = told_of(tmp_path, IDENTITY, IDENTITY).told
    assert told[:2] == [(LOADING, "m0", 1), (LOADING, "m1", 1)]
    assert {("loaded", "m0", 1), ("loaded", "m1", 1)} < set(told)


def test_a_version_that_the_policy_leaves_out_is_not_left_loading(tmp_path: Path) -> None:
    config = IDENTITY + "version_policy { specific { versions: 1 } }"
    engine = told_of(tmp_path, config, versions=(1, 2))
    assert engine.told[0] == (LOADING, "m0", 2)
    assert [told for told in engine.told if told[2] == 2][-1] == ("unloaded", "m0", 2)
    assert engine.serving == {("m0", 1)}


def test_parameters_of_python_models_are_their_own_and_of_graphs_are_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parameter = 'parameters { key: "factor" value { string_value: "2" } } '
    for name, file in (("python", "model.py"), ("graph", "model.onnx")):
        (tmp_path / name / "1").mkdir(parents=True)
        (tmp_path / name / "1" / file).touch()
        (tmp_path / name / "config.pbtxt").write_text(parameter)  # whose backend the file gives
    told_of(tmp_path)
    warned = [r for r in caplog.records if r.message == "model_config_fields_ignored"]
    assert [(vars(r)["model"], vars(r)["fields"]) for r in warned] == [
        ("graph", "parameters.factor")
    ]


def test_a_report_has_the_completed_configuration_of_its_version(tmp_path: Path) -> None:
    _, reports = loaded(tmp_path, IDENTITY, "sequence_batching { }")
    config = reports[0].config
    assert config is not None
    assert config.name == "m0"
    assert config.version_policy.latest.num_versions == 1
    assert [(group.name, group.count) for group in config.instance_group] == [("m0", 1)]
    assert reports[1].config is None
    assert reports[1].reason == (
        "The configuration sets sequence_batching: sequences are not served yet."
    )


def retries(caplog: pytest.LogCaptureFixture) -> list[tuple[object, object, object]]:
    return [
        (record.__dict__["model"], record.__dict__["reason"], record.__dict__["retries_left"])
        for record in caplog.records
        if record.message == "model_load_is_retried"
    ]


def test_a_load_that_fails_is_tried_again_as_often_as_wanted_and_told_each_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine, reports = loaded(tmp_path, IDENTITY, ailing=2, model_load_retry_count=2)
    assert retries(caplog) == [("m0", "it is sick", 2), ("m0", "it is sick", 1)]
    assert engine.serving == {("m0", 1)}
    assert [told for told in engine.told if told[0] not in (LOADING, "trimmed")] == [
        ("loaded", "m0", 1)
    ]
    assert [report.reason for report in reports] == [""]


def test_a_load_that_fails_once_more_than_it_is_tried_again_has_failed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine, reports = loaded(tmp_path, IDENTITY, ailing=3, model_load_retry_count=2)
    assert len(retries(caplog)) == 2
    assert not engine.serving
    assert [told for told in engine.told if told[0] not in (LOADING, "trimmed")] == [
        ("it is sick", "m0", 1)
    ]
    assert [report.reason for report in reports] == ["it is sick"]


def test_a_load_is_tried_once_unless_more_is_wanted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine, _ = loaded(tmp_path, IDENTITY, ailing=1)
    assert not retries(caplog)
    assert not engine.serving
