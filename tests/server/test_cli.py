# SPDX-License-Identifier: Apache-2.0
"""The command as a person meets it: one process per test, or the verbs against a server double."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.doubles.v2_server import V2Server

import penstock


@pytest.fixture
def server() -> Iterator[V2Server]:
    with V2Server() as running:
        yield running


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "penstock", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "COLUMNS": "200", "TERM": "dumb"},
    )


def test_help_names_the_verbs_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['penstock', '--help']\n"
        "from penstock.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'grpc', 'google.protobuf', 'uvicorn', 'starlette', 'onnxruntime'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(verb in done.stdout for verb in ("serve", "infer", "models", "bench", "quantize"))


def test_version_is_the_packages() -> None:
    assert run("--version").stdout == f"penstock {penstock.__version__}\n"


def test_serve_offers_every_option_as_a_flag() -> None:
    from penstock.config import ServerOptions
    from penstock.config.sources import flag_name

    shown = run("serve", "--help").stdout
    assert [name for name in ServerOptions.model_fields if flag_name(name) not in shown] == []


def test_print_config_shows_file_and_flags_as_toml(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("grpc_port = 9001\nexit_on_error = true\n")
    done = run(
        "serve", "--config", tmp_path / "c.toml", "--grpc-port=7001",
        "--model-repository", "a", "--model-repository", "b", "--print-config",
    )  # fmt: skip
    options = tomllib.loads(done.stdout)
    assert done.returncode == 0
    assert (options["grpc_port"], options["exit_on_error"]) == (7001, True)
    assert options["model_repository"] == ["a", "b"]


def test_a_wrong_flag_is_one_sentence_and_exit_1() -> None:
    done = run("serve", "--grpc-port", "many")
    assert done.returncode == 1
    assert done.stderr == "penstock: --grpc-port: wanted a valid integer, found 'many'.\n"
    assert done.stdout == ""


def test_debug_shows_the_traceback() -> None:
    assert "Traceback" in run("serve", "--grpc-port", "many", "--debug").stderr


def test_a_server_that_is_not_there_is_one_sentence() -> None:
    done = run("infer", "iris", "--url", "127.0.0.1:1", "--input", "x=[1]", "--timeout", "1")
    assert done.returncode == 1
    assert done.stderr.startswith("penstock: ")
    assert "Traceback" not in done.stderr


def test_models_says_which_are_ready_and_why_others_are_not(
    server: V2Server, tmp_path: Path
) -> None:
    server.not_ready["broken"] = "its file is cut short"
    (tmp_path / "echo").mkdir()
    done = run("models", "broken", "--model-repository", tmp_path, "--url", server.address)
    assert done.returncode == 1
    assert "its file is cut short" in done.stdout
    assert "echo" in done.stdout
    assert "ready" in done.stdout
    assert "echo: quantised as int8-static: auc 0.98" in done.stdout


def test_infer_prints_the_outputs(server: V2Server, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([[1, 2]], np.float32))
    done = run("infer", "echo", "--input", f"x=@{tmp_path}/x.npy", "--url", server.address)
    assert (done.returncode, done.stderr) == (0, "")
    assert "[[1. 2.]]" in done.stdout


def test_bench_counts_and_checks_the_answers(server: V2Server) -> None:
    done = run(
        "bench", "echo", "--input", f"x={json.dumps([[1.0], [2.0]])}", "--seconds", "0.3",
        "--url", server.address,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "requests/s" in done.stdout


def test_bench_exits_1_on_a_wrong_answer(server: V2Server, tmp_path: Path) -> None:
    np.savez(tmp_path / "right.npz", x=np.array([[1.0], [3.0]], np.float32))
    done = run(
        "bench", "echo", "--input", "x=[[1.0], [2.0]]", "--seconds", "0.3",
        "--expect", tmp_path / "right.npz", "--url", server.address,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Request 1, output 'x': wanted [[3.0]], found [[2.0]]." in done.stdout
