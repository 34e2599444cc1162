# SPDX-License-Identifier: Apache-2.0
"""Models whose rows are watched: their files, their references, and rows to ask them with."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tests.doubles.model_files import config_text

from penstock.package.manifest import write_manifest
from penstock_client import Client, PenstockError
from penstock_client.drift import DriftStatus
from penstock_monitoring.profile import Column, Reference, build_profile, write_profile

PATIENCE_S = 30.0
#: Ticks that a test can wait for.
QUICK = "tick_s = 0.2\n"
TOWNS = ["Ulm", "Bonn", "Kiel"]
ROWS = 4000
#: Rows of one request.
BATCH = 64
_MODEL = """
class Model:
    def execute(self, batch):
        return {"score": batch["features"][:, :1]}
"""
_CONFIG = config_text(
    [("features", "TYPE_FP32", [2]), ("town", "TYPE_STRING", [1])], [("score", "TYPE_FP32", [1])]
)
_SIGNATURE = {
    "inputs": [
        {"name": "features", "datatype": "FP32", "shape": [-1, 2], "columns": ["age", "income"]},
        {"name": "town", "datatype": "BYTES", "shape": [-1, 1]},
    ],
    "outputs": [{"name": "score", "datatype": "FP32", "shape": [-1, 1]}],
}


class Rows:
    """Draws rows of towns: of the reference, or drifted."""

    def __init__(self, seed: int = 5) -> None:
        self._draws = np.random.default_rng(seed)

    def features(self, count: int, *, shift: float = 0.0) -> npt.NDArray[np.float32]:
        drawn = self._draws.normal([40.0 + 10.0 * shift, 3000.0], [10.0, 500.0], (count, 2))
        return drawn.astype(np.float32)

    def towns(self, count: int) -> npt.NDArray[np.object_]:
        return self._draws.choice(TOWNS, (count, 1)).astype(object)

    def ask(self, client: Client, model: str, *, requests: int, shift: float = 0.0) -> None:
        """Asks with requests of one row each."""
        for _ in range(requests):
            inputs = {"features": self.features(1, shift=shift), "town": self.towns(1)}
            client.infer(model, inputs, timeout=10)


def write_towns_profile(path: Path) -> None:
    """The reference of towns."""
    rows = Rows(9)
    features, towns = rows.features(ROWS), rows.towns(ROWS)
    columns = (
        Column(name="age", datatype="FP32", values=features[:, 0]),
        Column(name="income", datatype="FP32", values=features[:, 1]),
        Column(name="town", datatype="BYTES", values=towns[:, 0]),
    )
    reference = Reference(
        model="towns",
        columns=columns,
        answers=["prediction"],
        answered=features[:, :1].astype(np.float64),
        losses=np.zeros(ROWS),
        truth=features[:, 0].astype(np.float64),
    )
    write_profile(build_profile(reference), path)


def write_towns(repository: Path, name: str, *, settings: str = QUICK, profile: str = "") -> Path:
    """A model of columns with names; gives its version's folder.

    `profile`: the text of its profile.json in the place of the reference; "": that.
    """
    folder = repository / name / "1"
    folder.mkdir(parents=True)
    (repository / name / "config.pbtxt").write_text(
        f'backend: "python"\nmax_batch_size: 1024\n{_CONFIG}'
    )
    (repository / name / "monitoring.toml").write_text(settings)
    (folder / "model.py").write_text(_MODEL)
    (folder / "signature.json").write_text(json.dumps(_SIGNATURE))
    if profile:
        (folder / "profile.json").write_text(profile)
    else:
        write_towns_profile(folder / "profile.json")
    return folder


def write_towns_package(folder: Path, name: str) -> None:
    """The same as a package."""
    folder.mkdir(parents=True)
    (folder / "config.pbtxt").write_text(f'backend: "python"\nmax_batch_size: 1024\n{_CONFIG}')
    (folder / "model.py").write_text(_MODEL)
    (folder / "signature.json").write_text(json.dumps(_SIGNATURE))
    write_towns_profile(folder / "profile.json")
    write_manifest(folder, name)


def until(
    client: Client,
    model: str,
    is_so: Callable[[DriftStatus], bool],
    *,
    meanwhile: Callable[[], object] = lambda: None,
) -> DriftStatus:
    """How a model stands, once it is so; does `meanwhile` between looks."""
    end = time.monotonic() + PATIENCE_S
    found: object = None
    while time.monotonic() < end:
        meanwhile()
        try:
            status = client.drift.status(model, timeout=10)
        except PenstockError as error:
            found = error
            continue
        found = status
        if is_so(status):
            return status
    raise AssertionError(f"waited in vain for {model}: {found}")
