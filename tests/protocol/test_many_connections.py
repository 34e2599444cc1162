# SPDX-License-Identifier: Apache-2.0
"""Many connections: dealt evenly to the io threads, and cheap while they are idle."""

from __future__ import annotations

import random
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.doubles.h2_peer import H2Peer
from tests.doubles.memory import resident_bytes
from tests.doubles.model_files import add_identity
from tests.doubles.running import RunningServer
from tests.protocol.calls import LIVE, is_live, until

ROOT = Path(__file__).resolve().parents[2]
IO_THREADS = 4
KIB = 1024
IDLE_CONNECTION_BYTES_MAX = 24 * KIB


@contextmanager
def wide_server(repository: Path) -> Iterator[RunningServer]:
    """A server with four io threads and an identity model, which benchmarks.crowd asks."""
    add_identity(repository, "identity", [("INPUT0", "TYPE_FP32", [16])], rows_max=64)
    with RunningServer(repository, flags=(f"--grpc-infer-thread-count={IO_THREADS}",)) as server:
        yield server


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with wide_server(tmp_path_factory.mktemp("models")) as server:
        yield server


def open_by_thread(server: RunningServer) -> list[int]:
    samples = server.families()["penstock_io_thread_connections"].samples
    assert {sample.labels["thread"] for sample in samples} == {str(i) for i in range(IO_THREADS)}
    return [int(sample.value) for sample in samples]


def have_come(server: RunningServer, count: int) -> Callable[[], bool]:
    return lambda: sum(open_by_thread(server)) == count


def connected(server: RunningServer, count: int) -> list[socket.socket]:
    return [socket.create_connection(("127.0.0.1", server.grpc_port)) for _ in range(count)]


def close_all(sockets: list[socket.socket]) -> None:
    for one in sockets:
        one.close()


def test_a_thousand_and_one_connections_are_spread_to_within_one(wide: RunningServer) -> None:
    until(have_come(wide, 0))
    sockets = connected(wide, 1001)
    until(have_come(wide, 1001))
    assert sorted(open_by_thread(wide)) == [250, 250, 250, 251]
    close_all(sockets)
    until(have_come(wide, 0))


def test_connections_that_come_while_others_go_are_spread_too(wide: RunningServer) -> None:
    """What goes, goes as it likes; whoever comes evens it out, for each joins the fewest."""
    until(have_come(wide, 0))
    first = connected(wide, 600)
    until(have_come(wide, 600))
    leaving = random.Random(7).sample(first, 400)
    closer = threading.Thread(target=close_all, args=[leaving])
    closer.start()
    during = connected(wide, 300)
    closer.join()
    until(have_come(wide, 500))
    torn = open_by_thread(wide)
    # As many as would fill each thread up to the fullest one, and one more.
    missing = IO_THREADS * max(torn) - sum(torn) + 1
    after = connected(wide, missing)
    until(have_come(wide, 500 + missing))
    mended = open_by_thread(wide)
    assert max(mended) - min(mended) <= 1, f"from {torn} to {mended}"
    close_all([one for one in first if one not in leaving] + during + after)
    until(have_come(wide, 0))


@contextmanager
def crowd(server: RunningServer, connections: int) -> Iterator[None]:
    """Connections of another process, each of which has had one inference answered rightly."""
    seats = (str(server.grpc_port), str(connections), "identity")
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.crowd", *seats],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout and process.stderr
    with process:
        said = process.stdout.readline()
        assert said == "seated\n", process.stderr.read()
        yield
        process.stdin.close()


@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 10_200,
    reason="a process may have fewer files open than this test needs: ulimit -n",
)
def test_ten_thousand_idle_connections_cost_less_than_24_kib_each(tmp_path: Path) -> None:
    """Resident memory of the server, which has held no such crowd before."""
    connections = 10_000
    with wide_server(tmp_path) as server:
        with crowd(server, 200):  # what the first connections cost once, they do not cost each
            pass
        until(have_come(server, 0))
        before = resident_bytes(server.process.pid)
        with crowd(server, connections), H2Peer(server.grpc) as peer:
            answer = peer.call(LIVE)
            peer.wait_for(answer)
            assert is_live(answer.message)
            assert have_come(server, connections + 1)()
            each = (resident_bytes(server.process.pid) - before) / connections
        assert 0 < each < IDLE_CONNECTION_BYTES_MAX
