# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from penstock.backends.isolation import WorkerLaunch
from penstock.config import ServerOptions
from penstock.engine import Engine, LoadedVersion
from penstock.repository.instances import Machine
from penstock.repository.layout import find_models
from penstock.repository.loader import LOADING, LoadReport, load_models
from penstock.repository.plan import ModelPlan

IDENTITY = """
backend: "identity" max_batch_size: 4
input { name: "x" data_type: TYPE_FP32 dims: 1 }
output { name: "y" data_type: TYPE_FP32 dims: 1 }
"""


class RecordingEngine(Engine):
    """Serves nothing; writes down what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, int]] = []

    def load(
        self,
        plan: ModelPlan,
        executes: Sequence[Callable[..., dict[str, Any]]] = (),
        worker: WorkerLaunch | None = None,
    ) -> LoadedVersion:
        self.told.append(("loaded", plan.name, plan.version))
        return LoadedVersion(
            name=plan.name,
            version=plan.version,
            inputs=plan.inputs,
            outputs=plan.outputs,
            batch_rows_max=4,
            lane="inline",
            row_cost_us=None,
        )

    def set_failed(self, name: str, version: int, reason: str) -> None:
        self.told.append((reason, name, version))

    def unload(self, name: str, version: int) -> None:
        self.told.append(("unloaded", name, version))


def told_of(tmp_path: Path, *configs: str, versions: Sequence[int] = (1,)) -> RecordingEngine:
    return loaded(tmp_path, *configs, versions=versions)[0]


def loaded(
    tmp_path: Path, *configs: str, versions: Sequence[int] = (1,)
) -> tuple[RecordingEngine, list[LoadReport]]:
    for number, config in enumerate(configs):
        for version in versions:
            (tmp_path / f"m{number}" / str(version)).mkdir(parents=True)
        (tmp_path / f"m{number}" / "config.pbtxt").write_text(config)
    engine = RecordingEngine()
    options = ServerOptions.model_validate({"model_load_thread_count": 1})
    return engine, load_models(find_models([tmp_path]), engine, options, Machine())


def test_every_model_is_loading_before_the_first_is_loaded(tmp_path: Path) -> None:
    told = told_of(tmp_path, IDENTITY, IDENTITY).told
    assert told[:2] == [(LOADING, "m0", 1), (LOADING, "m1", 1)]
    assert told[-1] == ("loaded", "m1", 1)


def test_a_version_that_the_policy_leaves_out_is_not_left_loading(tmp_path: Path) -> None:
    config = IDENTITY + "version_policy { specific { versions: 1 } }"
    told = told_of(tmp_path, config, versions=(1, 2)).told
    assert told == [
        (LOADING, "m0", 2),
        ("unloaded", "m0", 2),
        (LOADING, "m0", 1),
        ("loaded", "m0", 1),
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
