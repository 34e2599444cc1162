# SPDX-License-Identifier: Apache-2.0
"""How a server starts beside broken models and taken ports, and how it ends."""

import json
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tests.doubles.gate import GATED_MODEL, Gate
from tests.doubles.model_files import add_affine, add_config, add_python
from tests.doubles.running import PATIENCE_S, RunningServer

from penstock_client import Client, Unavailable

X = np.zeros((1, 3), np.float32)

HOLDS_THE_LOCK = """
    import ctypes
    import socket

    class Holds:
        def load(self, context):
            self.path = context.config.parameters["gate"].string_value

        def execute(self, batch):
            with socket.socket(socket.AF_UNIX) as gate:
                gate.connect(self.path)
                gate.sendall(b'{"request_rows": [1], "first": [0]}\\n')
                ctypes.PyDLL(None).usleep(3_000_000)  # unlike CDLL, with the interpreter's lock
            return {"y": batch["x"]}
"""


def gate_parameter(gate: Gate) -> str:
    return f'parameters {{ key: "gate" value {{ string_value: "{gate.path}" }} }}'


def refused_start(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "penstock", "serve", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A repository of one good model and several broken ones."""
    add_affine(tmp_path, "good")
    (add_config(tmp_path, "cut", "") / "model.onnx").write_bytes(b"not a graph")
    add_config(tmp_path, "typo", "max_batch_seize: 4")
    add_config(tmp_path, "renamed", 'name: "other"')
    add_config(tmp_path, "empty", "")
    (tmp_path / "no_version").mkdir()
    add_affine(tmp_path, "together", config="ensemble_scheduling { }")
    add_python(tmp_path, "sick", "class Sick:\n    def execute(self): ...\n    x = 1 / 0")
    return tmp_path


def test_broken_models_do_not_stop_a_good_one_and_say_why(mixed: Path) -> None:
    with RunningServer(mixed) as server, Client(server.grpc, retry=None) as client:
        np.testing.assert_array_equal(client.infer("good", {"x": X}, timeout=10)["y"], X + 1)
        assert client.server_ready(timeout=10)
        for name, reason in {
            "cut": "model.onnx",
            "typo": "max_batch_seize",
            "renamed": "other",
            "empty": "wanted model.onnx, model.pnst or model.py",
            "no_version": "no version",
            "together": "ensembles are not served yet",
            "sick": "ZeroDivisionError",
        }.items():
            readiness = client.model_ready(name, timeout=10)
            assert not readiness
            assert reason in readiness.reason
            with pytest.raises(Unavailable, match=reason.replace(".", r"\.")):
                client.infer(name, {"x": X}, timeout=10)
            assert any(line.startswith(f"model {name} ") for line in server.printed)
            assert f"model_failed_to_load model={name}" in server.log()


def test_start_up_says_what_is_served_where_and_how_long_it_took(tmp_path: Path) -> None:
    add_affine(tmp_path, "good", config="max_batch_size: 4")
    with RunningServer(tmp_path) as server:
        model, took, ready = server.printed
        assert model.startswith("model good version 1 ready: backend=onnxruntime lane=")
        assert model.endswith("batch_rows_max=4")
        assert took.startswith("started in ")
        where = f"grpc={server.grpc} rest={server.rest} metrics={server.metrics}"
        assert ready == f"penstock is ready: {where}"


def test_logs_may_be_json(tmp_path: Path) -> None:
    add_affine(tmp_path, "good", config="response_cache { enable: true }")
    with RunningServer(tmp_path, flags=("--log-format=json",)) as server:
        events = {line["event"]: line for line in map(json.loads, server.log().splitlines())}
    assert events["model_loaded"]["model"] == "good"
    assert events["model_config_fields_ignored"]["fields"] == "response_cache.enable"
    assert events["server_ready"]["rest"] == server.rest
    assert events["server_ready"]["grpc"] == server.grpc


def test_strict_readiness_wants_every_model(mixed: Path) -> None:
    with (
        RunningServer(mixed, flags=("--strict-readiness=true",)) as server,
        Client(server.grpc) as client,
    ):
        assert not client.server_ready(timeout=10)
        assert client.model_ready("good", timeout=10)


def test_exit_on_error_ends_a_server_with_a_broken_model(mixed: Path) -> None:
    done = refused_start(
        "--model-repository", mixed, "--exit-on-error=true", "--grpc-port=0", "--metrics-port=0"
    )
    assert done.returncode == 1
    assert "7 of 8 models failed to load, and --exit-on-error is set" in done.stderr


@pytest.mark.parametrize("flag", ["--grpc-port", "--metrics-port"])
def test_a_taken_port_is_one_sentence(tmp_path: Path, flag: str) -> None:
    ports = {"--grpc-port": "0", "--metrics-port": "0"}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports[flag] = str(taken.getsockname()[1])
        done = refused_start(
            "--model-repository", tmp_path, "--grpc-address=127.0.0.1",
            *(f"{name}={port}" for name, port in ports.items()),
        )  # fmt: skip
    assert done.returncode == 1
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("penstock: ")]
    assert ports[flag] in sentence
    assert "Traceback" not in done.stderr


def test_no_repository_is_one_sentence(tmp_path: Path) -> None:
    assert "give --model-repository DIR" in refused_start().stderr
    absent = refused_start("--model-repository", tmp_path / "absent")
    assert (absent.returncode, absent.stdout) == (1, "")
    assert "There is no model repository" in absent.stderr


def test_two_servers_may_share_a_port(tmp_path: Path) -> None:
    add_affine(tmp_path, "good")
    with RunningServer(tmp_path, flags=("--reuse-grpc-port=true",)) as first:
        flags = ("--reuse-grpc-port=true", f"--grpc-port={first.grpc_port}")
        with RunningServer(tmp_path, flags=flags) as second, Client(first.grpc) as client:
            assert second.grpc_port == first.grpc_port
            assert second.metrics != first.metrics
            assert client.server_live(timeout=10)


def test_a_second_server_on_a_port_that_is_not_shared_fails(tmp_path: Path) -> None:
    with RunningServer(tmp_path) as first:
        done = refused_start(
            "--model-repository", tmp_path, "--grpc-address=127.0.0.1", "--metrics-port=0",
            f"--grpc-port={first.grpc_port}",
        )  # fmt: skip
    assert done.returncode == 1
    assert str(first.grpc_port) in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_ends_with_0(tmp_path: Path, number: signal.Signals) -> None:
    add_affine(tmp_path, "good")
    with RunningServer(tmp_path) as server, Client(server.grpc, retry=None) as client:
        client.infer("good", {"x": X}, timeout=10)
        server.process.send_signal(number)
        assert server.wait() == 0
        with pytest.raises(Unavailable):
            client.server_live(timeout=10)


def test_what_is_in_flight_is_answered_before_the_end(tmp_path: Path) -> None:
    with Gate() as gate:
        add_python(tmp_path, "gated", GATED_MODEL, more=f"max_batch_size: 1 {gate_parameter(gate)}")
        with (
            RunningServer(tmp_path) as server,
            Client(server.grpc, retry=None) as client,
            ThreadPoolExecutor(2) as pool,
        ):
            x = np.ones((1, 2), np.float32)
            running = pool.submit(client.infer, "gated", {"x": x}, timeout=30)
            executing = gate.next_batch()
            waiting = pool.submit(client.infer, "gated", {"x": x}, timeout=30)
            while server.counted("nv_inference_pending_request_count", model="gated") < 1:
                pass
            server.drain()
            executing.let_through()
            gate.next_batch().let_through()
            np.testing.assert_array_equal(running.result()["y"], 2 * x)
            np.testing.assert_array_equal(waiting.result()["y"], 2 * x)
            assert server.wait() == 0


def test_while_the_drain_is_delayed_it_still_serves_but_is_not_ready(tmp_path: Path) -> None:
    add_affine(tmp_path, "good")
    with RunningServer(tmp_path, flags=("--drain-delay-secs=2",)) as server:
        with Client(server.grpc, retry=None) as client:
            client.infer("good", {"x": X}, timeout=10)
            server.drain()
            while client.server_ready(timeout=10):
                pass
            assert not client.health(timeout=10).is_serving
            with Client(server.grpc, retry=None) as newcomer:
                newcomer.infer("good", {"x": X}, timeout=10)
        assert server.wait() == 0


def test_a_drain_proceeds_while_a_model_holds_the_interpreters_lock(tmp_path: Path) -> None:
    with Gate() as gate:
        more = f"max_batch_size: 1 {gate_parameter(gate)}"
        add_python(tmp_path, "holds", HOLDS_THE_LOCK, more=more)
        with (
            RunningServer(tmp_path, flags=("--drain-delay-secs=1",)) as server,
            Client(server.grpc, retry=None) as client,
            ThreadPoolExecutor(1) as pool,
        ):
            x = np.ones((1, 2), np.float32)
            held = pool.submit(client.infer, "holds", {"x": x}, timeout=30)
            gate.next_batch()
            server.drain()
            while client.server_ready(timeout=10):
                pass
            assert not held.done()
            np.testing.assert_array_equal(held.result()["y"], x)
            assert server.wait() == 0


def test_the_exit_timeout_ends_a_server_whose_model_never_returns(tmp_path: Path) -> None:
    with Gate() as gate:
        add_python(tmp_path, "gated", GATED_MODEL, more=f"max_batch_size: 1 {gate_parameter(gate)}")
        with (
            RunningServer(tmp_path, flags=("--exit-timeout-secs=1",)) as server,
            Client(server.grpc, retry=None) as client,
            ThreadPoolExecutor(1) as pool,
        ):
            stuck = pool.submit(
                client.infer, "gated", {"x": np.ones((1, 2), np.float32)}, timeout=30
            )
            gate.next_batch()
            server.drain()
            assert server.wait() != 0
            with pytest.raises(Unavailable):
                stuck.result()


def test_a_second_signal_ends_the_process_at_once(tmp_path: Path) -> None:
    with Gate() as gate:
        add_python(tmp_path, "gated", GATED_MODEL, more=f"max_batch_size: 1 {gate_parameter(gate)}")
        with (
            RunningServer(tmp_path, flags=("--drain-delay-secs=20",)) as server,
            Client(server.grpc, retry=None) as client,
        ):
            server.drain()
            while client.server_ready(timeout=10):
                pass
            server.drain()
            assert server.wait() != 0
