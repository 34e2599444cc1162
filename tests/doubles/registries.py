# SPDX-License-Identifier: Apache-2.0
"""Embedded registries for tests: copies of one whose migrations have been run."""

from __future__ import annotations

import shutil
from pathlib import Path

from penstock.registry import registry_place
from penstock.registry.registry import Registry
from penstock_training.tracking import TrackedRun, track

FILE = "mlflow.db"


def make_store(folder: Path) -> Path:
    """An empty registry's database, made the slow way."""
    Registry(registry_place(f"sqlite:///{FILE}", folder=folder), creates=True)
    return folder / FILE


def registry_in(folder: Path, store: Path) -> Registry:
    """A registry in `folder`: what is there, or a copy of `store`."""
    folder.mkdir(exist_ok=True)
    if not (folder / FILE).exists():
        shutil.copyfile(store, folder / FILE)
    return Registry(registry_place(f"sqlite:///{FILE}", folder=folder), creates=True)


def run_of(registry: Registry, digest: str) -> str:
    """A finished run of two trials, for a package of this digest."""
    told = TrackedRun(name="run", parameters={"seed": "0"}, metrics={"accuracy": 0.9})
    trials = [TrackedRun(name=f"linear-{i}", metrics={"score": 0.5 + i}) for i in range(2)]
    return track(registry, "tests", digest, told, trials)
