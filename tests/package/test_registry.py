# SPDX-License-Identifier: Apache-2.0
"""Registering packages in an embedded registry of MLflow, and what is seen there."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from tests.doubles.registries import MlflowServer, run_of
from tests.package.conftest import Opened

from penstock.errors import PackageError, RegistryError
from penstock.package import read_manifest, verify_package, write_manifest
from penstock.registry import registry_place
from penstock.registry.registry import PENDING_TAG, Registry

Copy = Callable[[str], Path]
PATIENCE_S = 60.0
ROOT = Path(__file__).resolve().parents[2]


def register(registry: Registry, package: Path, alias: str = "candidate") -> Any:
    run_id = run_of(registry, read_manifest(package).digest)
    return registry.register(package, run_id=run_id, alias=alias, tags={"task": "multiclass"})


def test_a_package_becomes_a_version_with_all_its_files_and_the_alias(
    registry: Opened, made_packages: dict[str, Path]
) -> None:
    opened = registry()
    assert opened.models() == []
    version = register(opened, made_packages["iris"])
    assert (version.name, version.version, version.aliases) == ("iris", 1, ("candidate",))
    assert version.tags["task"] == "multiclass"
    files = Path(unquote(urlsplit(version.source).path))
    assert verify_package(files) == read_manifest(made_packages["iris"])
    assert [model.name for model in opened.models()] == ["iris"]


def test_the_same_package_is_registered_once(
    registry: Opened, made_packages: dict[str, Path]
) -> None:
    opened = registry()
    first = register(opened, made_packages["iris"])
    again = register(opened, made_packages["iris"])
    assert (again.version, again.run_id) == (first.version, first.run_id)
    assert len(opened.versions("iris")) == 1


def test_a_registry_is_opened_while_somebody_registers_a_large_package(registry: Opened) -> None:
    opened = registry()
    with ThreadPoolExecutor(1) as pool, opened.locked():
        assert pool.submit(registry).result(PATIENCE_S).models() == []


def test_another_package_is_another_version_and_takes_the_alias(
    registry: Opened, package: Copy, made_packages: dict[str, Path]
) -> None:
    opened = registry()
    register(opened, made_packages["iris"])
    folder = package("iris")
    (folder / "card.md").write_text("# another")
    write_manifest(folder, "iris")
    second = register(opened, folder)
    assert second.version == 2
    assert opened.version("iris", "candidate").version == 2
    assert opened.version("iris", "1").aliases == ()
    assert opened.version("iris").version == 2


def test_a_damaged_package_leaves_nothing(registry: Opened, package: Copy) -> None:
    opened = registry()
    folder = package("iris")
    (folder / "model.onnx").write_bytes(b"")
    with pytest.raises(PackageError, match=r"model\.onnx has 0 bytes"):
        register(opened, folder)
    assert opened.client.search_registered_models() == []


class Refusing:
    """A client that refuses one kind of call, as a registry without room would."""

    def __init__(self, client: Any, refused: str, failure: type[Exception]) -> None:
        self._client, self._refused, self._failure = client, refused, failure

    def __getattr__(self, name: str) -> Any:
        return self._refuse if name == self._refused else getattr(self._client, name)

    def _refuse(self, *_: Any, **__: Any) -> None:
        raise self._failure("no room\nmore lines")


@pytest.mark.parametrize("refused", ["create_model_version", "log_artifacts"])
def test_a_registry_that_refuses_is_left_without_an_empty_model(
    refused: str, registry: Opened, made_packages: dict[str, Path]
) -> None:
    from mlflow.exceptions import MlflowException

    opened = registry()
    client = opened.client
    opened.client = Refusing(client, refused, MlflowException)
    with pytest.raises(RegistryError, match=r"mlflow\.db refuses: no room\.$"):
        register(opened, made_packages["iris"])
    assert client.search_registered_models() == []
    opened.client = client
    assert register(opened, made_packages["iris"]).version == 1


def test_files_that_did_not_arrive_are_found_before_there_is_a_version(
    registry: Opened, made_packages: dict[str, Path]
) -> None:
    opened = registry()
    client = opened.client

    class Losing:
        def __getattr__(self, name: str) -> Any:
            return self._log_some if name == "log_artifacts" else getattr(client, name)

        def _log_some(self, run_id: str, folder: str, path: str) -> None:
            client.log_artifact(run_id, f"{folder}/model.onnx", path)

    opened.client = Losing()
    with pytest.raises(RegistryError, match="has not arrived whole"):
        register(opened, made_packages["iris"])
    assert client.search_registered_models() == []


def test_a_model_that_a_kill_left_without_a_version_is_not_seen_and_is_removed(
    registry: Opened, made_packages: dict[str, Path]
) -> None:
    opened = registry()
    opened.client.create_registered_model("left", tags={PENDING_TAG: "true"})
    opened.client.create_registered_model("somebodys own")
    assert opened.models() == []
    with pytest.raises(RegistryError, match="has no version of a model 'left'"):
        opened.versions("left")
    register(opened, made_packages["iris"])
    names = {model.name for model in opened.client.search_registered_models()}
    assert names == {"iris", "somebodys own"}


def test_what_is_not_there_is_told_with_what_is(
    registry: Opened, made_packages: dict[str, Path]
) -> None:
    opened = registry()
    register(opened, made_packages["iris"])
    with pytest.raises(RegistryError, match="no version of a model 'rose'; models: iris"):
        opened.version("rose")
    with pytest.raises(RegistryError, match=r"no version or alias 'champion' .* wanted one of 1"):
        opened.version("iris", "champion")


def test_mlflow_loads_a_version_by_its_alias_and_it_answers_its_smoke_request(
    registry: Opened, made_packages: dict[str, Path], tmp_path: Path
) -> None:
    """With MLflow's own global settings, so in a process of its own."""
    opened = registry()
    for name in ("iris", "towns"):
        register(opened, made_packages[name])
    program = """
import sys, warnings
warnings.simplefilter("ignore")
import mlflow
from pathlib import Path
from penstock.package.answers import difference_of
from penstock.package.smoke import read_smoke
mlflow.set_tracking_uri(sys.argv[1])
for name in ("iris", "towns"):
    smoke = read_smoke(Path(sys.argv[2], name, "smoke.json"))
    model = mlflow.pyfunc.load_model(f"models:/{name}@candidate")
    found = model.predict(dict(smoke.inputs))
    print(name, difference_of(found, smoke.expected, tolerance=smoke.tolerance) or "same")
"""
    folder = tmp_path / "smokes"
    for name in ("iris", "towns"):
        (folder / name).mkdir(parents=True)
        smoke = (made_packages[name] / "smoke.json").read_bytes()
        (folder / name / "smoke.json").write_bytes(smoke)
    done = subprocess.run(
        [sys.executable, "-c", program, opened.place.uri, str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.splitlines() == ["iris same", "towns same"], done.stderr


def test_a_database_that_a_kill_left_half_made_is_not_gone_on_with(store: Path) -> None:
    assert [path.name for path in store.parent.glob(".*")] == []
    with closing(sqlite3.connect(store)) as database:
        assert database.execute("select count(*) from alembic_version").fetchone() == (1,)


@pytest.mark.slow
def test_a_package_is_registered_with_a_server_of_mlflow(
    made_packages: dict[str, Path], tmp_path: Path
) -> None:
    with MlflowServer(tmp_path) as server:
        opened = Registry(registry_place(server.uri, folder=tmp_path))
        version = register(opened, made_packages["iris"])
        assert version.source.startswith("mlflow-artifacts:")
        assert register(opened, made_packages["iris"]).version == version.version == 1
        assert opened.models()[0].aliases == {"candidate": 1}
        # Another machine may be about to give it a version.
        opened.client.create_registered_model("begun", tags={PENDING_TAG: "true"})
        register(opened, made_packages["diabetes"])
        assert {model.name for model in opened.client.search_registered_models()} == {
            "begun", "diabetes", "iris",
        }  # fmt: skip
        files = opened.client.download_artifacts(version.run_id, "package", str(tmp_path))
        assert verify_package(Path(files)) == read_manifest(made_packages["iris"])


#: The calls between which something could be half there.
CALLS = ("log_artifacts", "create_registered_model", "create_model_version")


@pytest.mark.parametrize(
    "calls", [CALLS, pytest.param((), marks=pytest.mark.slow)], ids=["those that matter", "every"]
)
def test_a_kill_leaves_nothing_half_registered_and_a_resume_ends_it(
    calls: tuple[str, ...], store: Path, made_packages: dict[str, Path], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.package.dying_registrar"]
    done = subprocess.run(
        [*command, str(store), str(made_packages["iris"]), str(tmp_path), *calls],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    kills = [line["killed_in"] for line in lines if "killed_in" in line]
    assert set(CALLS) <= set(kills)
    seen = [line for line in lines if "seen" in line]
    assert len(seen) == 2 * len(kills)
    for line in seen:
        # The files of whatever version there is were checked whole by who looked.
        assert line["models"] == ({"iris": 1} if line["versions"] else {})
        if line["seen"] == "killed":
            assert line["versions"] in ([], [1])
        else:
            assert line["versions"] == [1]
            assert line["aliases"] == [["candidate"]]
            assert line["bare_models"] == []
            assert (line["running"], line["finished"]) == (0, 1)
