# SPDX-License-Identifier: Apache-2.0
"""Packages that are made once, and copied by whoever changes one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.doubles.histories import make_history
from tests.doubles.package_parts import diabetes_parts, iris_parts, spec_for, towns_parts
from tests.doubles.registries import FILE, make_store, registry_in

from penstock.registry.registry import Registry
from penstock_training.stages.package import PACKAGE_FOLDER, STEP
from penstock_training.steps import QuietProgress, StepRun

MAKERS = {"iris": iris_parts, "diabetes": diabetes_parts, "towns": towns_parts}


@pytest.fixture(scope="session")
def made_inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Path]]:
    """Model -> the folders of the steps before `package`."""
    return {name: make(tmp_path_factory.mktemp(name)) for name, make in MAKERS.items()}


@pytest.fixture(scope="session")
def made_packages(
    tmp_path_factory: pytest.TempPathFactory, made_inputs: dict[str, dict[str, Path]]
) -> dict[str, Path]:
    """Model -> its package. To be read only."""
    packages = {}
    for name, inputs in made_inputs.items():
        folder = tmp_path_factory.mktemp(f"{name}-package")
        spec = spec_for(name, folder)
        STEP.run(StepRun(spec=spec, folder=folder, inputs=inputs, progress=QuietProgress()))
        packages[name] = folder / PACKAGE_FOLDER
    return packages


@pytest.fixture
def package(tmp_path: Path, made_packages: dict[str, Path]) -> Callable[[str], Path]:
    """A copy of a package, to be changed."""

    def copied(name: str) -> Path:
        return Path(shutil.copytree(made_packages[name], tmp_path / f"{name}-copy"))

    return copied


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty registry's database, whose migrations have been run. To be copied."""
    return make_store(tmp_path_factory.mktemp("store"))


Opened = Callable[[], Registry]


@pytest.fixture
def registry(tmp_path: Path, store: Path) -> Opened:
    """Opens a registry of the test's own."""
    return lambda: registry_in(tmp_path / "registry", store)


@pytest.fixture(scope="session")
def made_history(
    tmp_path_factory: pytest.TempPathFactory, store: Path, made_packages: dict[str, Path]
) -> Path:
    """The folder of a registry with a history. To be copied; files of versions stay there."""
    return make_history(tmp_path_factory.mktemp("history"), store, made_packages["iris"])


@pytest.fixture
def history(tmp_path: Path, made_history: Path) -> Registry:
    """A registry of the test's own, with three versions of iris: tests.doubles.histories."""
    return registry_in(tmp_path / "history", made_history / FILE)
