# SPDX-License-Identifier: Apache-2.0
"""A real server lets a package answer its smoke request before it serves it."""

from __future__ import annotations

import json
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.doubles.model_files import add_affine, add_python
from tests.doubles.running import RunningServer

from penstock.package import write_manifest
from penstock.package.answers import difference_of
from penstock.package.smoke import Smoke, read_smoke, smoke_json
from penstock_client import Client

FAILURES = "penstock_model_load_failures_total"
ISOLATED = 'parameters { key: "penstock.isolation" value { string_value: "process" } }'
DOUBLING = """
    class Doubling:
        def execute(self, batch):
            return {"y": batch["x"] * 2}
"""


def write_smoke(version: Path, smoke: Smoke) -> None:
    (version / "smoke.json").write_text(json.dumps(smoke_json(smoke)))
    write_manifest(version, version.parent.name)


def spoil(version: Path) -> None:
    """Makes another answer the expected one; the manifest fits it."""
    told = json.loads((version / "smoke.json").read_text())
    data = told["expected"]["outputs"][0]["data"]
    data[-1] = "nobody" if isinstance(data[-1], str) else data[-1] + 1
    (version / "smoke.json").write_text(json.dumps(told))
    write_manifest(version, version.parent.name)


def make_packages(repository: Path, iris: Path) -> None:
    """A package of each backend, as version 1; one answers more rows than its batches take."""
    shutil.copytree(iris, repository / "native/1")
    rows = np.arange(9, dtype=np.float32).reshape(3, 3)
    add_affine(repository, "graph", config='backend: "onnxruntime" max_batch_size: 2')
    smokes = {"graph": Smoke(inputs={"x": rows}, expected={"y": 2 * rows + 1}, tolerance=1e-5)}
    for name, more in (("python", ""), ("isolated", ISOLATED)):
        add_python(repository, name, DOUBLING, more=f"max_batch_size: 8 {more}")
        pair = rows[:, :2]
        smokes[name] = Smoke(inputs={"x": pair}, expected={"y": 2 * pair}, tolerance=0)
    for name, smoke in smokes.items():
        (repository / name / "config.pbtxt").rename(repository / name / "1/config.pbtxt")
        write_smoke(repository / name / "1", smoke)


class Served:
    """The server, and its repository."""

    def __init__(self, server: RunningServer, repository: Path) -> None:
        self.server = server
        self.repository = repository

    def _post(self, path: str) -> tuple[int, Any]:
        request = urllib.request.Request(f"http://{self.server.rest}{path}", b"{}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def load(self, name: str) -> str:
        """What is said against it; empty if it was loaded."""
        status, told = self._post(f"/v2/repository/models/{name}/load")
        return "" if status == 200 else str(told["error"])

    def index(self, name: str) -> dict[str, tuple[str, str]]:
        """State and reason of each version."""
        entries = self._post("/v2/repository/index")[1]
        return {e["version"]: (e["state"], e["reason"]) for e in entries if e["name"] == name}

    def answers(self, client: Client, name: str, version: str) -> bool:
        """Whether this version answers the first row of the smoke request of version 1."""
        smoke = read_smoke(self.repository / name / "1/smoke.json")
        inputs = {key: array[:1] for key, array in smoke.inputs.items()}
        found = client.infer(name, inputs, version=version, timeout=30)
        wanted = {key: array[:1] for key, array in smoke.expected.items()}
        answer = {key: found[key] for key in wanted}
        return difference_of(answer, wanted, tolerance=smoke.tolerance) == ""


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, made_packages: dict[str, Path]
) -> Iterator[Served]:
    repository = tmp_path_factory.mktemp("repository")
    make_packages(repository, made_packages["iris"])
    flags = ("--model-control-mode=explicit", "--load-model=*")
    with RunningServer(repository, flags=flags) as server:
        yield Served(server, repository)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("native", r"smoke request: label\[\d+\] is 'virginica', wanted 'nobody'"),
        ("graph", r"smoke request: y\[2,2\] is 17, wanted 18 \(tolerance 1e-05\)"),
        ("python", r"smoke request: y\[2,1\] is 14, wanted 15 \(tolerance 0\)"),
        ("isolated", r"smoke request: y\[2,1\] is 14, wanted 15 \(tolerance 0\)"),
    ],
)
def test_a_package_that_does_not_answer_as_expected_is_refused_and_the_old_one_stays(
    name: str, reason: str, served: Served
) -> None:
    first, second = served.repository / name / "1", served.repository / name / "2"
    with Client(served.server.grpc, retry=None) as client:
        assert client.model_ready(name, timeout=10)

        shutil.copytree(first, second)
        spoil(second)
        told = served.load(name)
        found = told.partition("state: ")[2]
        assert re.fullmatch(reason, found)
        readiness = client.model_ready(name, version="2", timeout=10)
        assert not readiness
        assert readiness.reason.endswith(found)
        assert served.index(name) == {"1": ("READY", ""), "2": ("UNAVAILABLE", found)}
        assert found in served.server.log()
        assert served.server.counted(FAILURES, model=name, reason="smoke") == 1
        assert served.answers(client, name, "1")

        shutil.copyfile(first / "smoke.json", second / "smoke.json")
        write_manifest(second, name)
        assert served.load(name) == ""
        assert served.answers(client, name, "2")

        spoil(second)
        assert found in served.load(name)
        assert served.index(name)["2"] == ("READY", f"the last reload failed: {found}")
        assert served.answers(client, name, "2")
        assert served.server.counted(FAILURES, model=name, reason="smoke") == 2


def test_a_smoke_request_that_cannot_be_read_is_told(served: Served) -> None:
    version = served.repository / "torn/1"
    shutil.copytree(served.repository / "graph/1", version)
    (version / "smoke.json").write_text('{"request": {}}')
    write_manifest(version, "torn")
    assert "smoke.json is no smoke request: KeyError 'tolerance'" in served.load("torn")
    assert served.server.counted(FAILURES, model="torn", reason="smoke") == 1


def test_a_package_without_a_smoke_request_is_loaded(served: Served) -> None:
    version = served.repository / "silent/1"
    shutil.copytree(served.repository / "graph/1", version)
    (version / "smoke.json").unlink()
    write_manifest(version, "silent")
    assert served.load("silent") == ""


def test_other_failures_are_counted_by_their_kinds(served: Served) -> None:
    damaged = served.repository / "damaged/1"
    shutil.copytree(served.repository / "graph/1", damaged)
    with (damaged / "model.onnx").open("ab") as file:
        file.write(b"\0")
    wrong = served.repository / "wrong/1"
    wrong.mkdir(parents=True)
    (wrong.parent / "config.pbtxt").write_text("max_batch_seize: 3")
    for name, reason in (("damaged", "digest"), ("wrong", "config")):
        assert served.load(name)
        assert served.server.counted(FAILURES, model=name, reason=reason) == 1
        assert served.server.counted(FAILURES, model=name) == 1
