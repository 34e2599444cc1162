# SPDX-License-Identifier: Apache-2.0
"""A server that has no room: for log lines, for what it prints, for open files, for memory."""

from __future__ import annotations

import json
import os
import resource
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tests.doubles.h2_peer import H2Peer
from tests.doubles.memory import open_files
from tests.doubles.running import PATIENCE_S, RunningServer
from tests.protocol.calls import INFER, add_echo, echo_request, numbers, until

SERVE = [sys.executable, "-m", "penstock", "serve", "--grpc-address=127.0.0.1"]
PORTS = ["--grpc-port=0", "--http-port=0", "--metrics-port=0", "--log-format=json"]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    add_echo(tmp_path / "models")
    return tmp_path / "models"


def assert_echoes(address: str) -> None:
    with H2Peer(address) as peer:
        answer = peer.call(INFER, echo_request(np.arange(4)))
        peer.wait_for(answer)
        assert numbers(answer.message) == [0, 1, 2, 3]


@contextmanager
def started(
    command: list[str], *, stdout: int | None = None, stderr: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A server started in a way that RunningServer does not know."""
    with subprocess.Popen(command, stdout=stdout, stderr=stderr, text=True) as process:
        watchdog = threading.Timer(PATIENCE_S, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()  # does nothing where it has ended as it should


@contextmanager
def lowered(server: RunningServer, what: int, limit: int) -> Iterator[None]:
    """One of the server's limits, put back afterwards."""
    before = resource.prlimit(server.process.pid, what)
    resource.prlimit(server.process.pid, what, (limit, before[1]))
    yield
    resource.prlimit(server.process.pid, what, before)


def refusals_are(server: RunningServer, count: int) -> bool:
    return server.counted("penstock_connections_refused_total") == count


def test_a_full_log_device_stops_nothing(repository: Path) -> None:
    with RunningServer(repository, log_to=Path("/dev/full")) as server:
        assert_echoes(server.grpc)
        assert server.counted("penstock_connections_accepted_total") == 1
        server.drain()
        assert server.wait() == 0


def test_log_lines_lost_to_a_full_disk_are_told_of_when_there_is_room(repository: Path) -> None:
    """A limit of the file's size stands for the disk's: the kernel refuses as it does there."""
    flags = (
        "--connections-max=1",
        "--grpc-infer-thread-count=1",
        "--log-format=json",
        "--monitoring=off",  # nothing else has a line to write
    )
    with RunningServer(repository, flags=flags) as server:
        with lowered(server, resource.RLIMIT_FSIZE, 1), H2Peer(server.grpc) as peer:
            peer.round_trip()
            before = server.log()
            for refused in (1, 2):
                with socket.create_connection(("127.0.0.1", server.grpc_port)) as more:
                    assert more.recv(1) == b""
                until(partial(refusals_are, server, refused))
            answer = peer.call(INFER, echo_request(np.arange(3)))
            peer.wait_for(answer)
            assert numbers(answer.message) == [0, 1, 2]
            assert server.log() == before
        server.drain()
        assert server.wait() == 0
        events = [json.loads(line) for line in server.log().splitlines()]
    lost = [event for event in events if event["event"] == "log_lines_lost"]
    assert [event["lines"] for event in lost] == [1], "a line a second is written of refusals"
    assert events[-1]["event"] == "server_stopped"


@pytest.mark.parametrize("output", ["/dev/full", "a pipe that nobody reads", "closed"])
def test_standard_output_that_takes_nothing_stops_nothing(repository: Path, output: str) -> None:
    command = [*SERVE, *PORTS, f"--model-repository={repository}"]
    if output == "closed":
        command = ["sh", "-c", f"exec {shlex.join(command)} >&-"]
    with ExitStack() as stack:
        if output == "/dev/full":
            sink = stack.enter_context(open("/dev/full", "w")).fileno()
        else:
            reader, sink = os.pipe()
            os.close(reader)
            stack.callback(os.close, sink)
        process = stack.enter_context(started(command, stdout=sink, stderr=subprocess.PIPE))
        assert process.stderr is not None
        events = []
        for line in process.stderr:
            events.append(json.loads(line))
            if events[-1]["event"] == "server_ready":
                assert_echoes(events[-1]["grpc"])
                process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
        names = [event["event"] for event in events]
        assert names[-1] == "server_stopped"
        assert ("startup_not_printed" in names) == (output != "closed")


def test_a_closed_standard_error_is_no_number_for_a_socket(repository: Path) -> None:
    command = shlex.join([*SERVE, *PORTS, f"--model-repository={repository}"])
    with started(["sh", "-c", f"exec {command} 2>&-"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("penstock is ready:"):
                assert os.readlink(f"/proc/{process.pid}/fd/2") == "/dev/null"
                assert_echoes(line.split("grpc=")[1].split()[0])
                process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0


def test_without_a_free_descriptor_connections_wait_and_open_ones_go_on(repository: Path) -> None:
    with RunningServer(repository) as server, ExitStack() as stack:
        pid = server.process.pid
        early = stack.enter_context(H2Peer(server.grpc))
        early.round_trip()
        waiting: list[socket.socket] = []
        # What is open has numbers below the limit; a new one would need a number beyond it.
        with lowered(server, resource.RLIMIT_NOFILE, max_descriptor(pid) + 4):
            limit = max_descriptor(pid) + 4
            while "connection_not_accepted" not in server.log():
                if len(waiting) < 64:
                    waiting.append(socket.create_connection(("127.0.0.1", server.grpc_port)))
            answer = early.call(INFER, echo_request(np.arange(5)))
            early.wait_for(answer)
            assert numbers(answer.message) == [0, 1, 2, 3, 4]
            assert open_files(pid) <= limit
        (line,) = [x for x in server.log().splitlines() if "connection_not_accepted" in x]
        assert f"as many files open as it may ({limit})" in line
        assert "ulimit -n" in line
        # There is room again: whoever waited is accepted, and the metrics are served.
        until(lambda: server.counted("penstock_connections_open") == 1 + len(waiting))
        assert server.counted("penstock_accept_failures_total") >= 1
        assert server.counted("penstock_connections_refused_total") == 0
        assert_echoes(server.grpc)
        for one in waiting:
            one.close()


def test_the_limit_of_open_files_is_raised_as_far_as_the_system_allows(repository: Path) -> None:
    script = f"ulimit -Sn 300; ulimit -Hn 5000; exec {shlex.join([*SERVE, *PORTS])}"
    for connections, allowed, is_few in ((1000, 2024, False), (16_384, 5000, True)):
        command = f"{script} --model-repository={repository} --connections-max={connections}"
        with started(["sh", "-c", command], stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            events = []
            for line in process.stderr:
                events.append(json.loads(line))
                if events[-1]["event"] == "server_ready":
                    assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE)[0] == allowed
                    process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0
        few = [event for event in events if event["event"] == "open_files_few"]
        assert bool(few) == is_few, events
        assert not few or (few[0]["allowed"], few[0]["wanted"]) == (5000, 16_384 + 1024)


def max_descriptor(pid: int) -> int:
    return max(int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir())
