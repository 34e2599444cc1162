# SPDX-License-Identifier: Apache-2.0

import asyncio
from collections.abc import Sequence
from pathlib import Path

from tests.doubles.recording_engine import RecordingEngine

from penstock.config import ServerOptions
from penstock.repository.controller import RepositoryController
from penstock.repository.instances import Machine
from penstock.repository.loader import LOADING

IDENTITY = """
backend: "identity" max_batch_size: 4
input { name: "x" data_type: TYPE_FP32 dims: 1 }
output { name: "y" data_type: TYPE_FP32 dims: 1 }
"""


def told_of(tmp_path: Path, *configs: str, versions: Sequence[int] = (1,)) -> RecordingEngine:
    for number, config in enumerate(configs):
        for version in versions:
            (tmp_path / f"m{number}" / str(version)).mkdir(parents=True)
        (tmp_path / f"m{number}" / "config.pbtxt").write_text(config)
    engine = RecordingEngine()
    options = ServerOptions.model_validate(
        {"model_load_thread_count": 1, "model_repository": [str(tmp_path)]}
    )
    asyncio.run(_started(RepositoryController(engine, options, Machine())))
    return engine


async def _started(controller: RepositoryController) -> None:
    await controller.start()
    await controller.stop()


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
