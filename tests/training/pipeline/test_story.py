# SPDX-License-Identifier: Apache-2.0
"""init, train, register, serve the package, infer: as a user does it, by the command."""

import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from tests.doubles.processes import wait_until
from tests.doubles.running import RunningServer

from penstock.package.answers import difference_of
from penstock.package.smoke import read_smoke
from penstock_client import Client
from penstock_training import DataError, Pipeline, SpecError
from penstock_training.stages import STEP_NAMES


def penstock(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("penstock")), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("story") / "project"
    assert penstock("init", str(folder)).returncode == 0
    file = folder / "pipeline.toml"
    text = file.read_text()
    for was, now in (
        ('families = ["linear", "forest", "lightgbm"]', 'families = ["linear"]'),
        ("trials = 8", "trials = 2"),
        ("bootstrap = 500", "bootstrap = 20"),
        ('labels = "warn"', 'labels = "ignore"'),
        ("[explain]", "[explain]\nshap = false"),
        ("latency_us_max = 200", "latency_us_max = 100000"),
    ):
        assert was in text
        text = text.replace(was, now)
    file.write_text(text)
    yield folder


def test_a_project_trains_registers_and_answers_its_smoke_request(project: Path) -> None:
    trained = penstock("train", str(project / "pipeline.toml"))
    assert trained.returncode == 0, trained.stdout + trained.stderr
    assert "breast-cancer version 1 is registered, with the alias candidate." in trained.stdout
    ignored = [line.rstrip("/") for line in (project / ".gitignore").read_text().splitlines()]
    kept = [
        path.name
        for path in project.iterdir()
        if not any(fnmatch(path.name, pattern) for pattern in ignored)
    ]
    assert {Path(name).suffix for name in kept if name != ".gitignore"} == {".toml"}

    again = Pipeline.read(project / "pipeline.toml").run()
    assert again.version == "1"
    assert [name for name in STEP_NAMES if not again.steps[name].is_cached] == ["register"]
    assert again.package is not None

    listed = penstock("registry", "list", "--registry", f"sqlite:///{project / 'mlflow.db'}")
    assert listed.returncode == 0
    assert "breast-cancer" in listed.stdout

    verified = penstock("verify", str(again.package))
    assert verified.returncode == 0, verified.stdout + verified.stderr
    smoke = read_smoke(again.package / "smoke.json")
    flags = (f"--package={again.package}",)
    with RunningServer(flags=flags) as server, Client(server.grpc, retry=None) as client:
        answer = client.infer("breast-cancer", dict(smoke.inputs), timeout=10)
        found = {output: answer[output] for output in smoke.expected}
    assert difference_of(found, smoke.expected, tolerance=smoke.tolerance) == ""


def test_a_better_version_is_promoted_and_followed_while_requests_come(project: Path) -> None:
    file = project / "pipeline.toml"
    registry = ("--registry", f"sqlite:///{project / 'mlflow.db'}")
    first = Pipeline.read(file).run()
    assert first.package is not None
    smoke = read_smoke(first.package / "smoke.json")
    moved = penstock("registry", "promote", "breast-cancer", *registry)
    assert moved.returncode == 0, moved.stderr
    flags = (f"--registry={registry[1]}", "--registry-poll-secs=0.5")
    failures: list[Exception] = []
    answered = threading.Event()
    ends = threading.Event()

    def ask() -> None:
        with Client(server.grpc, retry=None) as client:
            while not ends.is_set():
                try:
                    client.infer("breast-cancer", dict(smoke.inputs), timeout=10)
                    answered.set()
                except Exception as error:
                    failures.append(error)

    def versions() -> tuple[str, ...]:
        with Client(server.grpc, retry=None) as client:
            return tuple(client.model_metadata("breast-cancer", timeout=10).versions)

    with RunningServer(flags=flags) as server:
        assert versions() == ("1",)
        thread = threading.Thread(target=ask)
        thread.start()
        try:
            better = project / "better.toml"
            better.write_text(file.read_text().replace("trials = 2", "trials = 4"))
            second = Pipeline.read(better).run()
            assert second.version == "2"
            assert versions() == ("1",)
            moved = penstock("registry", "promote", "breast-cancer", *registry)
            assert moved.returncode == 0, moved.stderr
            assert "champion was moved to version 2 at once" in moved.stdout
            wait_until(lambda: versions() == ("2",), "the server follows")
        finally:
            ends.set()
            thread.join()
    assert answered.is_set()
    assert failures == []


def test_a_version_that_misses_its_threshold_is_not_registered(project: Path) -> None:
    file = project / "strict.toml"
    text = (project / "pipeline.toml").read_text()
    file.write_text(text.replace("threshold = 0.97", "threshold = 1.0"))
    trained = penstock("train", str(file))
    assert trained.returncode == 1
    assert "breast-cancer is not registered:" in trained.stdout
    assert "roc_auc" in trained.stdout.rpartition("is not registered:")[2]


def test_an_error_of_the_file_is_told_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.toml"
    file.write_text('name = "x"\n[problem]\ntask = "binary"\n')
    program = (
        "import sys\n"
        "from penstock_training import Pipeline, SpecError\n"
        "try: Pipeline.read(sys.argv[1])\n"
        "except SpecError as error: print(error)\n"
        "heavy = {'pandas', 'sklearn', 'mlflow', 'optuna', 'pyarrow', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "[problem] target: is missing." in run.stdout
    assert "[data]: is missing." in run.stdout


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ('uri = "ftp://nowhere"', "registry"),
        ('uri = "sqlite:////proc/nowhere/mlflow.db"', "nowhere"),
    ],
)
def test_a_registry_that_cannot_be_used_is_told_before_anything_runs(
    project: Path, tmp_path: Path, table: str, sentence: str
) -> None:
    file = project / "elsewhere.toml"
    file.write_text(
        (project / "pipeline.toml").read_text().replace("[registry]", f"[registry]\n{table}")
    )
    trained = penstock("train", str(file), "--work", str(tmp_path / "work"))
    assert trained.returncode == 1
    assert sentence in trained.stderr
    assert not (tmp_path / "work" / "steps").exists()


def test_names_of_columns_and_a_champion_are_checked_before_anything_is_trained(
    project: Path, tmp_path: Path
) -> None:
    file, work = project / "pipeline.toml", tmp_path / "work"
    trained = penstock("train", str(file), "--work", str(work), "--feature-names", "one,two")
    assert trained.returncode == 1
    assert "feature_names has 2 names, and the model has 30 numeric columns" in trained.stderr
    assert not (work / "steps" / "candidates").exists()
    assert not (work / "partial").exists()
    trained = penstock("train", str(file), "--feature-names", "one,one")
    assert "a name stands twice in feature_names" in trained.stderr
    away = project / "away.toml"
    text = file.read_text()
    away.write_text(text.replace("[evaluate]", '[evaluate]\nchampion = "nowhere"'))
    with pytest.raises(DataError, match=r"\[evaluate\] champion .*nowhere: wanted"):
        Pipeline.read(away, work=tmp_path / "other").run()
    assert not (tmp_path / "other").exists()


def test_a_step_that_is_not_there_is_refused_by_name(project: Path) -> None:
    with pytest.raises(SpecError, match="there is no step fit: wanted one of ingest,"):
        Pipeline.read(project / "pipeline.toml").run(until="fit")


def test_init_writes_into_no_folder_that_has_something(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    run = penstock("init", str(tmp_path))
    assert run.returncode == 1
    assert "is not empty" in run.stderr


@pytest.mark.parametrize("name", ["classification", "digits", "regression"])
def test_the_examples_are_specs(name: str) -> None:
    root = Path(__file__).resolve().parents[3]
    file = root / "examples" / "training" / f"{name}.toml"
    assert Pipeline.read(file).spec.name == tomllib.loads(file.read_text())["name"]
