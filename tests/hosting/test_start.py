# SPDX-License-Identifier: Apache-2.0
"""How services are found, and how a server that hosts them starts and ends."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
from typing import Any

import grpc
import pytest
from tests.doubles.gate import Gate
from tests.doubles.running import PATIENCE_S
from tests.hosting.conftest import Hosts


@pytest.mark.parametrize(
    ("service", "sentence"),
    [
        ("courier_service", "wanted MODULE:FUNCTION"),
        (":register", "wanted MODULE:FUNCTION"),
        ("no_such_module:register", "there is no module 'no_such_module'"),
        ("courier_service:nothing", "has no function 'nothing'; it has tell_gate, fail, register"),
        ("courier_service:register_and_fail", "failed: RuntimeError: no database"),
    ],
)
def test_a_service_that_cannot_be_hosted_stops_the_start(
    hosts: Hosts, service: str, sentence: str
) -> None:
    command = [sys.executable, "-m", "penstock", "serve", f"--grpc-service={service}"]
    ports = ["--grpc-address=127.0.0.1", "--grpc-port=0", "--http-port=0", "--metrics-port=0"]
    ended = subprocess.run(
        [*command, *ports, f"--model-repository={hosts.repository}"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={**os.environ, **hosts.environment, "COLUMNS": "400"},
    )
    assert ended.returncode == 1
    assert sentence in ended.stderr


def test_two_functions_may_register(hosts: Hosts) -> None:
    with hosts.start("register", "--grpc-service=courier_service:register_plain") as server:
        assert server.log().count("services_registered") == 2


def test_a_drain_lets_a_call_of_a_service_finish(
    hosts: Hosts, rpc: Any, pb: Any, gate: Gate
) -> None:
    with hosts.start("register") as server, grpc.insecure_channel(server.grpc) as channel:
        call = rpc.CourierStub(channel).Wait.future(pb.Parcel(text="last"))
        waiting = gate.next_batch()
        server.drain()
        waiting.let_through()
        assert call.result().text == "last"
        assert server.wait() == 0


def test_a_drain_ends_a_call_that_goes_on_for_ever(hosts: Hosts, rpc: Any, pb: Any) -> None:
    with (
        hosts.start("register", "--exit-timeout-secs=1") as server,
        grpc.insecure_channel(server.grpc) as channel,
    ):
        requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        call = rpc.CourierStub(channel).Talk(iter(requests.get, None))
        requests.put(pb.Parcel(text="still"))
        assert next(call).text == "STILL"
        server.drain()
        with pytest.raises(grpc.RpcError) as caught:
            next(call)
        requests.put(None)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "drains" in (caught.value.details() or "")
        assert server.wait() == 0
