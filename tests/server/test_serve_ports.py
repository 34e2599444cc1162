# SPDX-License-Identifier: Apache-2.0
"""Where a server listens: shared and taken ports, one protocol alone, IPv6."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from tests.doubles.model_files import add_affine
from tests.doubles.running import PATIENCE_S, RunningServer

from penstock_client import Client

X = np.zeros((1, 3), np.float32)


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def asks_rest(address: str) -> list[float]:
    """What y is for X, over a connection of its own."""
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 3], "data": [0, 0, 0]}
    asked = urllib.request.Request(
        f"http://{address}/v2/models/good/infer", json.dumps({"inputs": [tensor]}).encode()
    )
    with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:
        y: list[float] = json.load(answer)["outputs"][0]["data"]
    return y


def refused_start(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "penstock", "serve", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    add_affine(tmp_path, "good")
    return tmp_path


def test_two_servers_may_share_a_rest_port(repository: Path) -> None:
    """The system deals connections out: with enough of them, both answer."""
    shared = ("--reuse-http-port=true",)
    with RunningServer(repository, flags=shared) as first:
        flags = (*shared, f"--http-port={first.rest_port}")
        with RunningServer(repository, flags=flags) as second:
            assert second.rest == first.rest
            assert second.grpc != first.grpc
            while not all(
                one.counted("nv_inference_request_success", model="good") for one in (first, second)
            ):
                assert asks_rest(first.rest) == [1, 1, 1]
            second.drain()
            assert second.wait() == 0
        assert asks_rest(first.rest) == [1, 1, 1]


def test_a_rest_port_that_is_not_shared_is_refused_and_the_flags_are_named(
    repository: Path,
) -> None:
    with RunningServer(repository) as first:
        for more in ((), ("--reuse-http-port=true",)):
            done = refused_start(
                "--model-repository", repository, "--http-address=127.0.0.1",
                "--grpc-address=127.0.0.1", "--grpc-port=0", "--metrics-port=0",
                f"--http-port={first.rest_port}", *more,
            )  # fmt: skip
            assert done.returncode == 1
            (sentence,) = [x for x in done.stderr.splitlines() if x.startswith("penstock: ")]
            assert f"127.0.0.1:{first.rest_port}" in sentence
            assert "--http-port" in sentence
            assert "Traceback" not in done.stderr
        assert asks_rest(first.rest) == [1, 1, 1]


def test_rest_may_be_served_alone(repository: Path) -> None:
    with RunningServer(repository, flags=("--allow-grpc=false",)) as server:
        assert server.grpc == ""
        assert asks_rest(server.rest) == [1, 1, 1]


def test_grpc_may_be_served_alone(repository: Path) -> None:
    with (
        RunningServer(repository, flags=("--allow-http=false",)) as server,
        Client(server.grpc, retry=None) as client,
    ):
        assert server.rest == ""
        np.testing.assert_array_equal(client.infer("good", {"x": X}, timeout=30)["y"], X + 1)


def test_a_server_that_would_serve_nothing_is_refused(repository: Path) -> None:
    done = refused_start(
        "--model-repository", repository, "--allow-grpc=false", "--allow-http=false"
    )
    assert done.returncode == 1
    assert "--allow-" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
def test_both_protocols_may_be_served_over_ipv6(repository: Path) -> None:
    flags = ("--grpc-address=::1", "--http-address=::1")
    with (
        RunningServer(repository, flags=flags) as server,
        Client(server.grpc, retry=None) as client,
    ):
        assert server.grpc.startswith("[::1]:")
        np.testing.assert_array_equal(client.infer("good", {"x": X}, timeout=30)["y"], X + 1)
        assert asks_rest(server.rest) == [1, 1, 1]
