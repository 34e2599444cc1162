# SPDX-License-Identifier: Apache-2.0
"""What `penstock image` writes: linted, validated, and its steps taken in a clean environment."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tests.doubles.gate import GATED_MODEL, Gate
from tests.doubles.model_files import add_affine, add_python
from tests.doubles.running import PATIENCE_S, RunningServer
from tests.package.image_build import ImageBuild, health_check, stages_of, steps_of

from penstock.package.answers import difference_of
from penstock.package.smoke import read_smoke
from penstock_client import Client

ROOT = Path(__file__).resolve().parents[2]
BESIDE = Path(sys.executable).parent


def image(source: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(BESIDE / "penstock"), "image", str(source), "-o", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)


def pinned(context: Path, *files: str) -> dict[str, str]:
    """Name -> version of what FILES of the context name; without files, of both."""
    names = files or ("requirements.txt", "wheels/requirements.txt")
    text = "".join((context / name).read_text() for name in names)
    return dict(line.split("==") for line in text.splitlines())


@pytest.fixture(scope="module")
def of_package(made_packages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The context of a package."""
    folder = tmp_path_factory.mktemp("package") / "context"
    written = image(made_packages["iris"], folder)
    assert written.returncode == 0, written.stderr
    assert f"docker build {folder}" in written.stdout
    # As they are in development: from this checkout.
    others = pinned(folder, "wheels/requirements.txt")
    assert set(others) == {"penstock", "penstock-client"}
    named = " and ".join(f"{name} {version}" for name, version in others.items())
    assert f"Put wheels of {named} into {folder / 'wheels'}" in written.stdout
    return folder


@pytest.fixture(scope="module")
def gate() -> Iterator[Gate]:
    with Gate() as gate:
        yield gate


@pytest.fixture(scope="module")
def of_repository(gate: Gate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The context of a repository of two models, one of whose files only its owner may read."""
    folder = tmp_path_factory.mktemp("repository")
    repository = folder / "models"
    add_affine(repository, "affine")
    where = f'parameters {{ key: "gate" value {{ string_value: "{gate.path}" }} }}'
    add_python(repository, "gated", GATED_MODEL, more=f"max_batch_size: 8 {where}")
    (repository / "gated/1/model.py").chmod(0o600)
    written = image(repository, folder / "context")
    assert written.returncode == 0, written.stderr
    return folder / "context"


@pytest.mark.parametrize("kind", ["package", "repository"])
def test_a_linter_finds_nothing_in_the_dockerfile(
    kind: str, of_package: Path, of_repository: Path
) -> None:
    context = of_package if kind == "package" else of_repository
    linted = subprocess.run(
        [str(BESIDE / "hadolint"), "--failure-threshold", "style", str(context / "Dockerfile")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (linted.returncode, linted.stdout, linted.stderr) == (0, "", "")


def test_the_list_of_libraries_is_cyclonedx_and_tells_versions_licences_and_needs(
    of_package: Path,
) -> None:
    text = (of_package / "sbom.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    told = json.loads(text)
    assert told["metadata"]["component"]["name"] == "iris"
    found = {one["name"]: one["version"] for one in told["components"]}
    assert found == pinned(of_package)
    for one in told["components"]:
        assert one["version"] == metadata.version(one["name"])
        (licence,) = one["licenses"]
        assert licence.get("expression") or licence["license"]["name"]
    marks = {one["bom-ref"] for one in told["components"]}
    needs = {one["ref"]: set(one["dependsOn"]) for one in told["dependencies"]}
    assert needs.keys() == marks | {"image"}
    assert set().union(*needs.values()) == marks


def test_a_context_has_all_files_of_its_models_and_everyone_may_read_them(
    made_packages: dict[str, Path], of_package: Path, of_repository: Path
) -> None:
    for source, context in (
        (made_packages["iris"], of_package),
        (of_repository.parent / "models", of_repository),
    ):
        names = {one.relative_to(source) for one in source.rglob("*")}
        assert {one.relative_to(context / "model") for one in context.rglob("model/**/*")} >= names
        for path in context.rglob("*"):
            wanted = 0o555 if path.is_dir() else 0o444
            assert path.stat().st_mode & wanted == wanted, path


def test_the_image_is_of_this_python_and_serves_all_addresses_as_a_user_without_rights(
    of_package: Path,
) -> None:
    steps = steps_of(of_package / "Dockerfile")
    python = f"python:{sys.version_info.major}.{sys.version_info.minor}-slim-bookworm"
    bases = [one.text.split()[0] for one in steps if one.instruction == "FROM"]
    assert bases == [python, python]
    assert [one.text for one in steps if one.instruction == "USER"] == ["10001"]
    assert [one.text for one in steps if one.instruction == "STOPSIGNAL"] == ["SIGTERM"]
    words = next(one.words() for one in steps if one.instruction == "ENTRYPOINT")
    assert words[1:4] == ["serve", "--package", "/model"]
    assert words[5::2] == ["0.0.0.0"] * 3


def packages_behind(program: Path) -> set[str]:
    """The Debian packages whose libraries `program` is linked with, whatever they need included."""
    linked = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True)
    files = [Path(one).resolve().name for one in re.findall(r"=> (/\S+)", linked.stdout)]
    owners = subprocess.run(
        ["dpkg-query", "-S", *(f"*/{name}" for name in files)],
        capture_output=True,
        text=True,
        check=True,
    )
    return {line.partition(":")[0] for line in owners.stdout.splitlines()}


def is_bookworm() -> bool:
    release = Path("/etc/os-release")
    return release.is_file() and "VERSION_CODENAME=bookworm" in release.read_text()


@pytest.mark.skipif(not is_bookworm(), reason="packages have other names than on Debian 12")
def test_the_image_installs_the_libraries_that_the_core_is_linked_with(of_package: Path) -> None:
    (core,) = (ROOT / "server/penstock").glob("_core*.so")
    (text,) = [
        one.text for one in stages_of(of_package / "Dockerfile")[1] if one.instruction == "RUN"
    ]
    installed = set(text.partition("--no-install-recommends")[2].partition("&&")[0].split())
    # What apt is linked with is in every image of Debian.
    assert packages_behind(core) - packages_behind(Path("/usr/bin/apt")) == installed


@pytest.fixture(scope="module")
def built(of_package: Path, tmp_path_factory: pytest.TempPathFactory) -> ImageBuild:
    """The first stage, built once: it is the same for both contexts but for the wheels."""
    folder = tmp_path_factory.mktemp("image")
    # What setuptools has left in build/ would get into the wheel.
    base = f"--config-settings=--global-option=build --build-base={folder / 'build-base'}"
    flags = ["--no-deps", "--no-build-isolation", "--wheel-dir", str(of_package / "wheels"), base]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", *flags, ".", "./client"],
        cwd=ROOT,
        check=True,
    )
    build = ImageBuild(folder)
    assert build.take(stages_of(of_package / "Dockerfile")[0], of_package) == []
    return build


@contextmanager
def running(build: ImageBuild, context: Path) -> Iterator[RunningServer]:
    """The server of the image of `context`; checks HEALTHCHECK while it is up, and when it is not.

    RunningServer's flags come after those of the ENTRYPOINT, as those of `docker run` do.
    """
    shutil.rmtree(build.root / "model", ignore_errors=True)
    (left_out,) = build.take(stages_of(context / "Dockerfile")[1], context)
    assert left_out.startswith("apt-get update")
    steps = steps_of(context / "Dockerfile")
    (entry,) = [one.words() for one in steps if one.instruction == "ENTRYPOINT"]
    command = [build.placed(word) for word in entry]
    check = [build.placed(word) for word in health_check(context / "Dockerfile")]
    with RunningServer(command=command, environment=build.environment) as server:
        check = [word.replace("8000", str(server.rest_port)) for word in check]
        assert subprocess.run(check, env=build.environment, check=False).returncode == 0
        yield server
        server.wait()
    gone = subprocess.run(check, env=build.environment, check=False, stderr=subprocess.DEVNULL)
    assert gone.returncode == 1


def test_the_environment_has_what_the_list_names_and_nothing_else(
    built: ImageBuild, of_package: Path, of_repository: Path
) -> None:
    program = (
        "import json; from importlib import metadata; import penstock; "
        "print(json.dumps([penstock.__file__, [(one.name, one.version) "
        "for one in metadata.distributions()]]))"
    )
    told = subprocess.run(
        [str(built.root / "opt/penstock/bin/python"), "-c", program],
        cwd=built.root,
        env=built.environment,
        capture_output=True,
        check=True,
    )
    file, found = json.loads(told.stdout)
    assert Path(file).is_relative_to(built.root)
    normal = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}
    assert normal == pinned(of_package) == pinned(of_repository)


def test_the_image_of_a_package_answers_and_ends_with_0(
    built: ImageBuild, of_package: Path
) -> None:
    smoke = read_smoke(of_package / "model/smoke.json")
    with running(built, of_package) as server:
        with Client(server.grpc, retry=None) as client:
            answer = client.infer("iris", dict(smoke.inputs), timeout=PATIENCE_S)
        found = {output: answer[output] for output in smoke.expected}
        assert difference_of(found, smoke.expected, tolerance=smoke.tolerance) == ""
        server.drain()
        assert server.wait() == 0


def test_the_image_of_a_repository_answers_what_is_under_way_before_it_ends(
    built: ImageBuild, of_repository: Path, gate: Gate
) -> None:
    rows = np.ones((1, 2), np.float32)
    with (
        running(built, of_repository) as server,
        Client(server.grpc, retry=None) as client,
        ThreadPoolExecutor() as threads,
    ):
        affine = client.infer("affine", {"x": np.ones((1, 3), np.float32)}, timeout=PATIENCE_S)
        assert affine["y"].tolist() == [[3.0, 3.0, 3.0]]
        pending = threads.submit(client.infer, "gated", {"x": rows}, timeout=PATIENCE_S)
        batch = gate.next_batch()
        server.drain()
        batch.let_through()
        assert pending.result()["y"].tolist() == [[2.0, 2.0]]
        client.close()
        assert server.wait() == 0


def test_what_is_neither_a_package_nor_a_repository_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused = image(tmp_path / "empty", tmp_path / "context")
    assert refused.returncode == 1
    assert "neither a package" in refused.stderr


def test_a_folder_in_its_source_or_with_something_in_it_is_refused(
    made_packages: dict[str, Path], tmp_path: Path
) -> None:
    package = made_packages["iris"]
    refused = image(package, package / "context")
    assert refused.returncode == 1
    assert "lies in" in refused.stderr
    (tmp_path / "mine").write_text("")
    refused = image(package, tmp_path)
    assert refused.returncode == 1
    assert "is not empty" in refused.stderr
