# SPDX-License-Identifier: Apache-2.0
"""A real server that serves packages, or says why it does not."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.doubles.running import PATIENCE_S, RunningServer
from tests.package.keys import make_key

from penstock.package import read_manifest, write_manifest
from penstock.package.answers import difference_of
from penstock.package.signing import sign_manifest
from penstock.package.smoke import read_smoke
from penstock_client import Client

Copy = Callable[[str], Path]

FAILURES = "penstock_model_load_failures_total"


def refused_start(*arguments: str | Path) -> str:
    command = [sys.executable, "-m", "penstock", "serve", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 1
    return done.stderr


def test_packages_are_served_under_their_names_and_answer_their_smoke_requests(
    made_packages: dict[str, Path],
) -> None:
    flags = tuple(f"--package={folder}" for folder in made_packages.values())
    with RunningServer(flags=flags) as server, Client(server.grpc, retry=None) as client:
        for name, folder in made_packages.items():
            smoke = read_smoke(folder / "smoke.json")
            answer = client.infer(name, dict(smoke.inputs), timeout=10)
            found = {output: answer[output] for output in smoke.expected}
            assert difference_of(found, smoke.expected, tolerance=smoke.tolerance) == ""
            assert client.model_metadata(name, timeout=10).versions == ("1",)


def test_the_smoke_request_can_be_posted_as_it_stands_and_labels_are_told(
    made_packages: dict[str, Path],
) -> None:
    folder = made_packages["iris"]
    told = json.loads((folder / "smoke.json").read_text())
    body = told["request"]
    body["outputs"] = [{"name": "probabilities", "parameters": {"classification": 1}}]
    with RunningServer(flags=(f"--package={folder}",)) as server:
        request = urllib.request.Request(
            f"http://{server.rest}/v2/models/iris/infer", json.dumps(body).encode()
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            found = json.load(answer)["outputs"][0]["data"]
    labels = told["expected"]["outputs"][0]["data"]
    assert [text.split(":")[2] for text in found] == labels


def test_a_versions_own_configuration_wins_over_the_models(package: Copy, tmp_path: Path) -> None:
    folder = package("diabetes")
    repository = tmp_path / "repository"
    model = repository / "scores"
    model.mkdir(parents=True)
    shutil.copytree(folder, model / "7")
    (model / "config.pbtxt").write_text('backend: "python" max_batch_size: 3')
    with RunningServer(repository) as server, Client(server.grpc, retry=None) as client:
        url = f"http://{server.rest}/v2/models/scores/config"
        with urllib.request.urlopen(url, timeout=10) as answer:
            config = json.load(answer)
        assert config["max_batch_size"] == 1024
        rows = np.zeros((5, 10), np.float32)
        assert client.infer("scores", {"features": rows}, timeout=10)["prediction"].shape == (5, 1)


def test_a_damaged_package_is_not_loaded_and_stops_no_other(
    package: Copy, made_packages: dict[str, Path]
) -> None:
    folder = package("iris")
    content = bytearray((folder / "model.onnx").read_bytes())
    content[-1] ^= 1
    (folder / "model.onnx").write_bytes(content)
    flags = (f"--package={folder}", f"--package={made_packages['diabetes']}")
    with RunningServer(flags=flags) as server, Client(server.grpc, retry=None) as client:
        readiness = client.model_ready("iris", timeout=10)
        assert not readiness
        assert "model.onnx has another digest" in readiness.reason
        assert client.model_ready("diabetes", timeout=10)


@pytest.fixture(scope="module")
def signing(
    tmp_path_factory: pytest.TempPathFactory, made_packages: dict[str, Path]
) -> tuple[Path, tuple[str, ...]]:
    """A repository of an unsigned package, a strangely signed one, one of the second key and one
    that is no package; and the flags of both keys.
    """
    folder = tmp_path_factory.mktemp("signing")
    keys = {name: make_key(folder, name) for name in ("old", "ours", "strangers")}
    repository = folder / "repository"
    for name, package in made_packages.items():
        shutil.copytree(package, repository / name / "1")
    sign_manifest(repository / "iris/1", keys["ours"][0])
    sign_manifest(repository / "towns/1", keys["strangers"][0])
    bare = repository / "bare/1"
    bare.mkdir(parents=True)
    shutil.copyfile(repository / "iris/1/model.onnx", bare / "model.onnx")
    flags = tuple(f"--package-public-key={keys[name][1]}" for name in ("old", "ours"))
    return repository, flags


def test_with_keys_only_packages_that_one_of_them_signed_are_loaded(
    signing: tuple[Path, tuple[str, ...]],
) -> None:
    repository, flags = signing
    with RunningServer(repository, flags=flags) as server, Client(server.grpc) as client:
        assert client.model_ready("iris", timeout=10)
        for name, reason in (
            ("diabetes", "is not signed: wanted penstock-manifest.sig"),
            ("towns", "is not one of .*old.pub or .*ours.pub: Key mismatch"),
            ("bare", "wanted a signed package"),
        ):
            readiness = client.model_ready(name, timeout=10)
            assert not readiness
            assert re.search(reason, readiness.reason)
            assert server.counted(FAILURES, model=name, reason="signature") == 1


def test_where_none_is_required_unsigned_ones_are_warned_of_and_wrong_ones_refused(
    signing: tuple[Path, tuple[str, ...]],
) -> None:
    repository, flags = signing
    flags += ("--require-signed=false", "--log-format=json")
    with RunningServer(repository, flags=flags) as server, Client(server.grpc) as client:
        for name in ("iris", "diabetes", "bare"):
            assert client.model_ready(name, timeout=10)
        assert not client.model_ready("towns", timeout=10)
        lines = map(json.loads, server.log().splitlines())
        warned = {one["model"] for one in lines if one["event"] == "model_version_unsigned"}
    assert warned == {"diabetes", "bare"}


def test_signatures_without_a_key_are_refused_at_the_start(tmp_path: Path) -> None:
    told = refused_start("--model-repository", tmp_path, "--require-signed")
    assert "--require-signed is true, but there is no key" in told


def test_what_is_no_package_is_told_before_anything_starts(
    made_packages: dict[str, Path], tmp_path: Path
) -> None:
    assert "there is no such folder" in refused_start("--package", tmp_path / "absent")
    assert "it has no penstock-manifest.json" in refused_start("--package", tmp_path)
    iris = made_packages["iris"]
    twice = refused_start("--package", iris, "--package", iris)
    assert "--package is given twice for the model 'iris'" in twice


@pytest.mark.parametrize("name", ["iris", "diabetes"])
def test_a_package_of_numbers_has_a_native_form_that_serves_it(
    name: str, made_packages: dict[str, Path]
) -> None:
    folder = made_packages[name]
    assert "model.pnst" in read_manifest(folder).files
    assert 'backend: "native"' in (folder / "config.pbtxt").read_text()


def test_a_package_is_served_from_where_it_was_renamed_to(package: Copy, tmp_path: Path) -> None:
    folder = package("iris")
    manifest = write_manifest(folder, "flowers")
    moved = folder.rename(tmp_path / "moved")
    assert manifest.name == "flowers"
    with RunningServer(flags=(f"--package={moved}",)) as server, Client(server.grpc) as client:
        assert client.model_ready("flowers", timeout=10)
