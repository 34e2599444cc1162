# SPDX-License-Identifier: Apache-2.0
"""A real server that serves packages, or says why it does not."""

from __future__ import annotations

import json
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


def test_with_a_key_only_signed_packages_are_loaded(
    package: Copy, made_packages: dict[str, Path], tmp_path: Path
) -> None:
    private, public = make_key(tmp_path, "ours")
    signed = package("iris")
    sign_manifest(signed, private)
    repository = tmp_path / "repository"
    bare = repository / "bare/1"
    bare.mkdir(parents=True)
    shutil.copyfile(signed / "model.onnx", bare / "model.onnx")
    flags = (
        f"--package={signed}",
        f"--package={made_packages['diabetes']}",
        f"--package-public-key={public}",
    )
    with RunningServer(repository, flags=flags) as server, Client(server.grpc) as client:
        assert client.model_ready("iris", timeout=10)
        unsigned = client.model_ready("diabetes", timeout=10)
        assert not unsigned
        assert "is not signed" in unsigned.reason
        loose = client.model_ready("bare", timeout=10)
        assert not loose
        assert "wanted a signed package" in loose.reason


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
