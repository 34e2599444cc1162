# SPDX-License-Identifier: Apache-2.0
"""A real server that follows an embedded registry of MLflow."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.doubles.processes import wait_until
from tests.doubles.registries import run_of
from tests.doubles.running import PATIENCE_S, RunningServer
from tests.package.conftest import Opened

from penstock.package import read_manifest, write_manifest
from penstock.package.manifest import MANIFEST_FILE
from penstock.package.smoke import read_smoke
from penstock.registry.registry import Registry
from penstock.registry.tags import IS_ALLOWED, REFUSED_TAG, SIGNATURE_CHANGE_TAG
from penstock_client import Client

Copy = Callable[[str], Path]


def register(registry: Registry, package: Path, alias: str = "champion") -> int:
    run_id = run_of(registry, read_manifest(package).digest)
    return registry.register(package, run_id=run_id, alias=alias).version


def another(package: Path, folder: Path, *, change: Callable[[Path], None] | None = None) -> Path:
    """A package of the same model that differs in its card, and where `change` changes it."""
    copied = Path(shutil.copytree(package, folder))
    (copied / "card.md").write_text(f"# {folder.name}")
    if change is not None:
        change(copied)
    write_manifest(copied, read_manifest(package).name)
    return copied


def promote(registry: Registry, name: str, version: int) -> None:
    registry.client.set_registered_model_alias(name, "champion", str(version))


class Following(RunningServer):
    """Follows a registry, by its folder or its URI, every `seconds`."""

    def __init__(
        self,
        registry: Path | str,
        *flags: str,
        repositories: tuple[Path, ...] = (),
        seconds: float = 0.2,
    ) -> None:
        uri = registry if isinstance(registry, str) else f"sqlite:///{registry / 'mlflow.db'}"
        follows = (f"--registry={uri}", f"--registry-poll-secs={seconds}")
        super().__init__(*repositories, flags=(*follows, *flags))

    def versions(self, name: str) -> tuple[str, ...]:
        with Client(self.grpc, retry=None) as client:
            return tuple(client.model_metadata(name, timeout=10).versions)

    def index(self, name: str) -> dict[str, tuple[str, str]]:
        request = urllib.request.Request(
            f"http://{self.rest}/v2/repository/index", b"{}", method="POST"
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            found = json.load(answer)
        return {
            one["version"]: (one["state"], one.get("reason", ""))
            for one in found
            if one["name"] == name
        }

    def sample(self, name: str, model: str = "") -> float:
        for family in self.families().values():
            for sample in family.samples:
                if sample.name == name and sample.labels.get("model", "") == model:
                    return sample.value
        raise KeyError(name)

    def wait_for(self, name: str, version: int) -> None:
        wait_until(lambda: self.versions(name) == (str(version),), f"version {version} is served")


def tags_of(registry: Registry, name: str, version: int) -> dict[str, str]:
    return dict(registry.version(name, str(version)).tags)


def test_what_the_alias_names_is_served_and_followed_back_and_forth_under_load(
    registry: Opened, made_packages: dict[str, Path], tmp_path: Path
) -> None:
    opened = registry()
    register(opened, made_packages["iris"])
    second = register(opened, another(made_packages["iris"], tmp_path / "second"), "candidate")
    register(opened, made_packages["diabetes"], "candidate")
    smoke = read_smoke(made_packages["iris"] / "smoke.json")
    failures: list[Exception] = []
    asked = 0
    ends = threading.Event()

    def ask() -> None:
        nonlocal asked
        with Client(server.grpc, retry=None) as client:
            while not ends.is_set():
                try:
                    client.infer("iris", dict(smoke.inputs), timeout=10)
                    asked += 1
                except Exception as error:
                    failures.append(error)

    with Following(tmp_path / "registry") as server:
        assert server.versions("iris") == ("1",)
        assert server.index("diabetes") == {}
        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        for version in (second, 1, second):
            promote(opened, "iris", version)
            server.wait_for("iris", version)
        ends.set()
        for thread in threads:
            thread.join()
        assert failures == []
        assert asked > 0
        # Told once the version before has answered what it had accepted.
        switches = partial(server.sample, "penstock_registry_switches_total", "iris")
        wait_until(lambda: switches() == 4, "all switches are told")
        assert server.sample("penstock_registry_served_version", "iris") == second
        assert server.sample("penstock_registry_up") == 1


def spoil_graph(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"no graph")
    (folder / "model.pnst").unlink(missing_ok=True)


def _other_signature(folder: Path) -> None:
    told = json.loads((folder / "signature.json").read_text())
    told["inputs"][0]["columns"] = told["inputs"][0]["columns"][::-1]
    (folder / "signature.json").write_text(json.dumps(told))


def is_refused(registry: Registry, version: int, name: str = "iris") -> bool:
    return REFUSED_TAG in tags_of(registry, name, version)


def test_a_version_that_is_not_what_it_should_be_is_refused_and_the_one_before_stays(
    registry: Opened, made_packages: dict[str, Path], tmp_path: Path
) -> None:
    opened = registry()
    iris = made_packages["iris"]
    register(opened, iris)
    graph = register(opened, another(iris, tmp_path / "graph", change=spoil_graph), "candidate")
    turned = register(
        opened, another(iris, tmp_path / "turned", change=_other_signature), "candidate"
    )
    tampered = register(opened, another(iris, tmp_path / "tampered"), "candidate")
    emptied = register(opened, another(iris, tmp_path / "emptied"), "candidate")
    good = register(opened, another(iris, tmp_path / "good"), "candidate")
    with (_files(opened, "iris", tampered) / "card.md").open("a") as card:
        card.write("!")
    shutil.rmtree(_files(opened, "iris", emptied))
    # Its manifest is right, but not the one that was registered; and none at all.
    rewritten = register(opened, another(iris, tmp_path / "rewritten"), "candidate")
    (_files(opened, "iris", rewritten) / "card.md").write_text("# else")
    write_manifest(_files(opened, "iris", rewritten), "iris")
    bare = register(opened, another(iris, tmp_path / "bare"), "candidate")
    (_files(opened, "iris", bare) / MANIFEST_FILE).unlink()
    wanted = {
        graph: "model.onnx",
        turned: "signature",
        tampered: "card.md",
        emptied: "cannot be fetched",
        rewritten: "is not the package that was registered",
        bare: "is not the package that was registered",
    }
    with Following(tmp_path / "registry") as server:
        for version in wanted:
            promote(opened, "iris", version)
            wait_until(partial(is_refused, opened, version), f"version {version} is refused")
            reason = tags_of(opened, "iris", version)[REFUSED_TAG]
            assert reason.count("\n") == 0
            assert server.index("iris")["1"][0] == "READY"
            assert server.index("iris")[str(version)] == ("UNAVAILABLE", reason)
            assert wanted[version] in reason
        opened.client.set_model_version_tag("iris", str(turned), SIGNATURE_CHANGE_TAG, IS_ALLOWED)
        promote(opened, "iris", good)
        server.wait_for("iris", good)
        wait_until(lambda: list(server.index("iris")) == [str(good)], "the others are forgotten")
        assert server.sample("penstock_registry_refusals_total", "iris") >= len(wanted)


def _files(registry: Registry, name: str, version: int) -> Path:
    return Path(registry.version(name, str(version)).source.removeprefix("file://"))


def test_a_registry_that_goes_away_is_told_and_its_models_are_served_on(
    registry: Opened, made_packages: dict[str, Path], tmp_path: Path
) -> None:
    opened = registry()
    register(opened, made_packages["iris"])
    file, away = tmp_path / "registry" / "mlflow.db", tmp_path / "away.db"
    cache = f"--registry-cache={tmp_path / 'cache'}"
    with Following(tmp_path / "registry", cache) as server:
        file.rename(away)
        wait_until(lambda: server.sample("penstock_registry_up") == 0, "it is told")
        assert "registry_away" in server.log()
        assert server.versions("iris") == ("1",)
    with Following(tmp_path / "registry", cache) as server:  # starts with what it has
        assert server.versions("iris") == ("1",)
        away.rename(file)
        wait_until(lambda: server.sample("penstock_registry_up") == 1, "it is back")
        assert "registry_back" in server.log()


def test_a_version_that_is_removed_while_it_serves_stays_and_an_alias_that_is_taken_away_ends_it(
    registry: Opened, made_packages: dict[str, Path], tmp_path: Path
) -> None:
    opened = registry()
    register(opened, made_packages["iris"])
    register(opened, made_packages["diabetes"])
    with Following(tmp_path / "registry") as server:
        opened.client.delete_registered_model("iris")
        wait_until(lambda: "registry_version_removed" in server.log(), "it is told")
        assert server.versions("iris") == ("1",)
        opened.client.delete_registered_model_alias("diabetes", "champion")
        wait_until(lambda: server.index("diabetes") == {}, "it is not served")


def test_a_model_of_a_repository_is_not_disturbed_by_one_of_the_same_name(
    registry: Opened, made_packages: dict[str, Path], tmp_path: Path
) -> None:
    opened = registry()
    register(opened, made_packages["diabetes"])
    repository = tmp_path / "models"
    shutil.copytree(made_packages["iris"], repository / "iris" / "4")
    with Following(tmp_path / "registry", repositories=(repository,)) as server:
        assert server.versions("iris") == ("4",)
        assert server.versions("diabetes") == ("1",)
        register(opened, made_packages["iris"])
        wait_until(partial(is_refused, opened, 1), "the registry's is refused")
        assert "rename one" in tags_of(opened, "iris", 1)[REFUSED_TAG]
        assert server.versions("iris") == ("4",)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("nowhere", "wanted sqlite:///FILE"),
        ("sqlite:///missing.db", "There is no registry at"),
        ("http://127.0.0.1:1", "No MLflow server answers"),
    ],
)
def test_a_wrong_registry_is_one_sentence(uri: str, said: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "penstock", "serve", "--registry", uri, "--grpc-port=0",
         "--http-port=0", "--metrics-port=0", "--grpc-address=127.0.0.1",
         "--http-address=127.0.0.1"],
        capture_output=True, text=True, timeout=PATIENCE_S, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_two_servers_do_not_share_a_cache(
    registry: Opened, made_packages: dict[str, Path], tmp_path: Path
) -> None:
    register(registry(), made_packages["iris"])
    cache = f"--registry-cache={tmp_path / 'cache'}"
    with Following(tmp_path / "registry", cache), pytest.raises(RuntimeError) as refused:
        Following(tmp_path / "registry", cache)
    assert "in use already" in str(refused.value)
