# SPDX-License-Identifier: Apache-2.0
"""Every request that was taken in is answered or cancelled: none lost, none answered twice.

The load (tests.doubles.soak) holds each answer against its request; here the server's own counts
must add up with what the clients saw, and it must keep nothing and drain.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.doubles.memory import open_files, resident_bytes
from tests.doubles.model_files import add_affine, add_python
from tests.doubles.running import PATIENCE_S, RunningServer
from tests.protocol.calls import add_digest, add_echo, until

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = 2
WARM_SECONDS = 1.5
#: Beyond what the warming load left: blocks kept for reuse, by sizes that come by chance.
GROWTH_BYTES_MAX = 48 << 20

#: The process of the monitors may begin at any time: its two pipes, and what they are kept in.
MONITOR_FILES_MAX = 4

TWICE = """
    class Twice:
        def execute(self, batch):
            return {"y": batch["x"] * 2}
"""


def run_load(server: RunningServer, seconds: float, first_seed: int) -> Counter[str]:
    """What became of the requests of some client processes together."""
    command = [sys.executable, "-m", "tests.doubles.soak", str(server.grpc_port), str(seconds)]
    clients = [
        subprocess.Popen(
            [*command, str(first_seed + i)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(CLIENTS)
    ]
    together: Counter[str] = Counter()
    for client in clients:
        said, complained = client.communicate(timeout=seconds + 2 * PATIENCE_S)
        assert client.returncode == 0, complained
        together.update(json.loads(said))
    return together


def assert_adds_up(server: RunningServer, seen: Counter[str]) -> None:
    """The server's counts against the clients'."""
    until(lambda: server.counted("penstock_connections_open") == 0)
    for open_thing in ("penstock_streams_open", "nv_inference_pending_request_count"):
        assert server.counted(open_thing) == 0
    answers = server.counted("penstock_grpc_answers_total")
    good = server.counted("penstock_grpc_answers_total", code="OK")
    expired = server.counted("penstock_grpc_answers_total", code="DEADLINE_EXCEEDED")
    opened = server.counted("penstock_streams_opened_total")
    canceled = server.counted("nv_inference_request_failure", reason="CANCELED")
    gone = seen["cancelled"] + seen["killed"]
    # No other status; and each that a client saw is one that the server counted.
    assert answers == good + expired
    assert good == server.counted("nv_inference_request_success")
    assert seen["ok"] <= good <= seen["ok"] + gone
    assert seen["expired"] <= expired <= seen["expired"] + gone
    # What was opened was answered, or its caller went away; of those some had been accepted.
    assert seen["sent"] - seen["killed"] <= opened <= seen["sent"]
    assert canceled <= opened - answers <= gone
    # What was executed, a row each, was answered once or came too late for its caller.
    executed = server.counted("nv_inference_count")
    dropped = server.counted("penstock_replies_dropped_total")
    assert executed <= good + dropped
    assert good <= executed


def soak(repository: Path, seconds: float) -> None:
    add_echo(repository)
    add_digest(repository)
    add_python(
        repository,
        "twice",
        TWICE,
        inputs=[("x", "TYPE_FP32", [3])],
        outputs=[("y", "TYPE_FP32", [3])],
        more="max_batch_size: 16 dynamic_batching { }",
    )
    add_affine(repository, "affine")
    with RunningServer(repository, flags=("--grpc-infer-thread-count=2",)) as server:
        pid = server.process.pid
        seen = run_load(server, WARM_SECONDS, first_seed=1)
        until(lambda: server.counted("penstock_connections_open") == 0)
        files, resident = open_files(pid), resident_bytes(pid)
        seen += run_load(server, seconds, first_seed=1 + CLIENTS)
        assert_adds_up(server, seen)
        assert open_files(pid) <= files + MONITOR_FILES_MAX
        assert resident_bytes(pid) - resident < GROWTH_BYTES_MAX
        assert min(seen[end] for end in ("ok", "expired", "cancelled", "killed")) > 0, seen
        server.drain()
        assert server.wait() == 0


def test_some_seconds_of_misbehaviour_lose_nothing(tmp_path: Path) -> None:
    soak(tmp_path, 6.0)


@pytest.mark.slow
def test_two_minutes_of_misbehaviour_lose_nothing(tmp_path: Path) -> None:
    soak(tmp_path, 120.0)
