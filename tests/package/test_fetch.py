# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tests.doubles.registries import run_of

from penstock.errors import RegistryError
from penstock.package.manifest import read_manifest
from penstock.package.verify import verify_package
from penstock.predict import open_model
from penstock.registry.fetch import fetch_package, fetched_by, package_cache
from penstock.registry.process import RegistryProcess
from penstock.registry.registry import Registry


def registered(registry: Registry, package: Path) -> str:
    """The digest of the package, which is version 1 now, with the alias champion."""
    digest = read_manifest(package).digest
    registry.register(package, run_id=run_of(registry, digest), alias="champion")
    return digest


def test_a_version_is_fetched_by_its_alias_and_checked(
    package: Callable[[str], Path],
    registry: Callable[[], Registry],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened = registry()
    digest = registered(opened, package("diabetes"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = fetch_package(opened.place, "diabetes", "champion")
    assert found == package_cache() / digest
    assert verify_package(found).digest == digest
    assert [entry.name for entry in found.parent.iterdir()] == [digest]


def test_what_was_fetched_is_used_again_unless_it_is_damaged(
    package: Callable[[str], Path], registry: Callable[[], Registry], tmp_path: Path
) -> None:
    opened = registry()
    digest = registered(opened, package("diabetes"))
    cache = tmp_path / "cache"

    async def fetched(process: RegistryProcess) -> None:
        found = await fetched_by(process, "diabetes", "1", cache)
        mark = (found / "signature.json").stat().st_ino
        assert await fetched_by(process, "diabetes", "", cache) == found
        assert (found / "signature.json").stat().st_ino == mark
        (found / "signature.json").write_text("{}")
        assert await fetched_by(process, "diabetes", "1", cache) == found
        assert verify_package(found).digest == digest
        with pytest.raises(RegistryError, match="has no version or alias 'staging'"):
            await fetched_by(process, "diabetes", "staging", cache)

    process = RegistryProcess(opened.place)
    try:
        asyncio.run(fetched(process))
    finally:
        process.close()


def plain_version(registry: Registry, folder: Path) -> None:
    """Registers a graph y = 2x that MLflow has saved, as version 1 of `twice`."""
    folder.mkdir()
    node = helper.make_node("Add", ["x", "x"], ["y"])
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2]) for name in "xy"]
    graph = helper.make_graph([node], "twice", tensors[:1], tensors[1:])
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), folder / "model.onnx")
    (folder / "MLmodel").write_text("flavors:\n  onnx:\n    data: model.onnx\n")
    run = run_of(registry, "0" * 64)
    registry.client.log_artifacts(run, str(folder), "model")
    source = f"{registry.client.get_run(run).info.artifact_uri}/model"
    registry.client.create_registered_model("twice")
    registry.client.create_model_version("twice", source, run)


def test_a_model_that_mlflow_has_saved_becomes_a_package(
    registry: Callable[[], Registry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = registry()
    plain_version(opened, tmp_path / "plain")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    model = open_model("models:/twice/1", registry=opened.place.uri)
    rows = np.array([[1, 2], [3, 4]], np.float32)
    (answer,) = model.local.run(2, [rows])
    assert isinstance(answer, np.ndarray)
    assert np.array_equal(answer, 2 * rows)
    (kept,) = package_cache().iterdir()
    assert verify_package(kept).digest == model.digest
