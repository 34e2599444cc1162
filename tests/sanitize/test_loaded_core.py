# SPDX-License-Identifier: Apache-2.0
"""The engine under load, built with sanitizers: honest load, and peers that keep no manners.

penstock-core serves without Python, which sanitizers do not know. It must answer all that it is
asked properly, drain on SIGTERM, and end without a report.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from benchmarks import h2load
from tests.doubles.h2_peer import H2Peer, framed
from tests.doubles.sanitized import built
from tests.rest.http1_peer import Http1Peer, request

from penstock_client._proto import health_pb2, inference_pb2

INFER = h2load.PATH
CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
#: How a sanitizer's report begins; UBSan's says no more than this.
REPORTS = ("Sanitizer", "runtime error:")
IO_THREADS = 2
REQUESTS = 100_000
REST_REQUESTS = 30_000
ROUNDS = 150
END_SECONDS_MAX = 60.0
LOAD_SECONDS_MAX = 240.0

#: Under a sanitizer and all loads at once a pass over the connections takes seconds.
patient_peer = partial(H2Peer, patience_s=LOAD_SECONDS_MAX)
patient_rest_peer = partial(Http1Peer, patience_s=LOAD_SECONDS_MAX)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("h2load") is None,
        reason="no h2load on this machine: apt-get install nghttp2-client",
    ),
]


@dataclass(frozen=True, slots=True)
class Core:
    """A running penstock-core."""

    process: subprocess.Popen[str]
    address: str
    rest: str


@contextmanager
def running_core(sanitize: str) -> Iterator[Core]:
    """Builds and starts the variant; when the block ends it must end, without a report."""
    program = built("core", sanitize)
    command = [*program.command, "0", str(IO_THREADS)]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command, env=program.environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if line:
                ports = dict(part.split("=") for part in line.split() if "=" in part)
                yield Core(process, ports["grpc"], ports["rest"])
            status = process.wait(END_SECONDS_MAX)
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
            log.seek(0)
            said = log.read()
            sys.stderr.write(said)  # pytest shows it where the test fails
    assert status == 0
    assert not [report for report in REPORTS if report in said]


def infer_message(model: str, floats: int) -> bytes:
    request = inference_pb2.ModelInferRequest(model_name=model)
    request.inputs.add(name="INPUT0", datatype="FP32", shape=[1, floats])
    request.raw_input_contents.append(bytes(range(256)) * (floats // 64))
    return request.SerializeToString()


# --- peers without manners ------------------------------------------------------------------------


def cancel_on_the_way(address: str, model: str) -> None:
    """Some calls are reset within their bodies, some while they wait for an answer."""
    message = framed(infer_message(model, 1024))
    with patient_peer(address) as peer:
        for index in range(20):
            stream = peer.open(INFER)
            peer.send(stream, message[: len(message) // (1 + index % 3)], is_last=index % 3 == 0)
            peer.reset(stream)
        last = peer.call(INFER, infer_message(model, 64))
        peer.wait_for(last)
        assert last.status == 0


def leave_at_once(address: str, model: str) -> None:
    """The connection goes away with calls in every state."""
    peer = patient_peer(address)
    for index in range(8):
        stream = peer.open(INFER)
        peer.send(stream, framed(infer_message(model, 512)), is_last=index % 2 == 0)
    peer.close()


def have_no_time(address: str, model: str) -> None:
    message = infer_message(model, 256)
    with patient_peer(address) as peer:
        hopeless = peer.call(INFER, message, [("grpc-timeout", "0m")])
        short = [peer.call(INFER, message, [("grpc-timeout", f"{n}m")]) for n in range(1, 6)]
        peer.wait_for(hopeless, *short)
        assert hopeless.status == 4
        assert {stream.status for stream in short} <= {0, 4}


def read_slowly(address: str, model: str) -> None:
    """An answer of many windows, opened bit by bit."""
    message = infer_message(model, 16384)
    with patient_peer(address, window_bytes=4096) as peer:
        streams = [peer.call(INFER, message) for _ in range(3)]
        peer.wait_for(*streams)
        for stream in streams:
            assert stream.status == 0
            answer = inference_pb2.ModelInferResponse.FromString(stream.message)
            assert answer.raw_output_contents[0] == bytes(range(256)) * 256


def ask_for_health(address: str, model: str) -> None:
    with patient_peer(address) as peer:
        asked = peer.call(CHECK, health_pb2.HealthCheckRequest(service=model).SerializeToString())
        watch = peer.call(WATCH, health_pb2.HealthCheckRequest(service="").SerializeToString())
        peer.wait_for(asked)
        peer.until(lambda: len(watch.body) > 0)
        assert health_pb2.HealthCheckResponse.FromString(asked.message).status == 1
        peer.reset(watch)
        peer.round_trip()


def say_nonsense(address: str, model: str) -> None:
    peer = patient_peer(address, preface=b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    peer.wait_for_end()


UNRULY: list[Callable[[str, str], None]] = [
    cancel_on_the_way,
    leave_at_once,
    have_no_time,
    read_slowly,
    ask_for_health,
    say_nonsense,
]


# --- the same over REST ---------------------------------------------------------------------------


def infer_json(floats: int) -> bytes:
    tensor = {"name": "INPUT0", "datatype": "FP32", "shape": [1, floats], "data": [1.5] * floats}
    return json.dumps({"inputs": [tensor]}).encode()


def ask_out_of_turn(rest: str, model: str) -> None:
    """More requests at once than are read ahead, the last of them malformed."""
    good = request("POST", f"/v2/models/{model}/infer", infer_json(8))
    with patient_rest_peer(rest) as peer:
        peer.send(good * 40 + b"GET /v2 HTTP/1.1\r\nno host\r\n\r\n")
        assert [peer.answer().status for _ in range(41)] == [200] * 40 + [400]
        assert peer.is_ended()


def leave_rest_at_once(rest: str, model: str) -> None:
    """The connection goes away with requests in every state."""
    good = request("POST", f"/v2/models/{model}/infer", infer_json(512))
    for cut in (1, 60, len(good) // 2, len(good), len(good) * 3 // 2, len(good) * 30):
        with patient_rest_peer(rest) as peer:
            peer.send((good * 30)[:cut])


def read_nothing_of_rest(rest: str, model: str) -> None:
    good = request("POST", f"/v2/models/{model}/infer", infer_json(4096))
    with patient_rest_peer(rest) as peer:
        peer.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            for _ in range(100):
                peer.socket.send(good)


def speak_http2_to_rest(rest: str, model: str) -> None:
    """Bodies that are reset, or answered before their end."""
    fields = [("content-type", "application/json"), ("content-length", "1000000000")]
    with patient_peer(rest) as peer:
        for index in range(10):
            stream = peer.open(f"/v2/models/{model}/infer", fields if index % 2 else ())
            peer.send(stream, b"[" * 1000, is_last=False)
            peer.reset(stream)
        peer.round_trip()


UNRULY_OVER_REST: list[Callable[[str, str], None]] = [
    ask_out_of_turn,
    leave_rest_at_once,
    read_nothing_of_rest,
    speak_http2_to_rest,
]


def run_h2load_over_rest(rest: str, model: str, folder: Path, *, is_http1: bool) -> None:
    message = infer_json(64)
    path = f"/v2/models/{model}/infer"
    with patient_rest_peer(rest) as peer:
        peer.send(request("POST", path, message))
        alone = peer.answer()
    assert alone.status == 200
    body = folder / f"{model}_{is_http1}.json"
    body.write_bytes(message)
    load = h2load.Load(
        connections=8, streams=8, body=body, path=path, headers=(), is_http1=is_http1
    )
    ran = subprocess.run(
        h2load.command(load, int(rest.rpartition(":")[2]), REST_REQUESTS),
        capture_output=True,
        text=True,
        timeout=LOAD_SECONDS_MAX,
    )
    assert ran.returncode == 0, ran.stderr
    h2load.check(h2load.parse(ran.stdout), REST_REQUESTS, len(alone.body))


# --- the load -------------------------------------------------------------------------------------


def run_h2load(address: str, model: str, folder: Path) -> None:
    """Every request gets its answer, byte for byte as many as one alone."""
    message = infer_message(model, 256)
    with patient_peer(address) as peer:
        alone = peer.call(INFER, message)
        peer.wait_for(alone)
    body = folder / f"{model}.bin"
    body.write_bytes(framed(message))
    load = h2load.Load(connections=8, streams=16, body=body)
    port = int(address.rpartition(":")[2])
    ran = subprocess.run(
        h2load.command(load, port, REQUESTS),
        capture_output=True,
        text=True,
        timeout=LOAD_SECONDS_MAX,
    )
    assert ran.returncode == 0, ran.stderr
    h2load.check(h2load.parse(ran.stdout), REQUESTS, len(alone.body))


def load_in_every_way(core: Core, folder: Path) -> None:
    """All at once: both lanes honestly, and every unruly peer again and again."""
    models = ["identity", "identity_batch"]

    def be_unruly(peer: Callable[[str, str], None], address: str) -> None:
        for turn in range(ROUNDS):
            peer(address, models[turn % 2])

    with ThreadPoolExecutor(32) as pool:
        waits = [pool.submit(run_h2load, core.address, model, folder) for model in models]
        for model in models:
            for is_http1 in (False, True):
                load = partial(run_h2load_over_rest, is_http1=is_http1)
                waits.append(pool.submit(load, core.rest, model, folder))
        waits += [pool.submit(be_unruly, peer, core.address) for peer in UNRULY]
        waits += [pool.submit(be_unruly, peer, core.rest) for peer in UNRULY_OVER_REST]
        for wait in waits:
            wait.result()


@pytest.mark.parametrize("sanitize", ["address,undefined", "thread"])
def test_the_core_is_loaded_and_drained_without_a_report(sanitize: str, tmp_path: Path) -> None:
    with running_core(sanitize) as core, patient_peer(core.address) as patient:
        watch = patient.call(WATCH)
        patient.until(lambda: len(watch.body) > 0)
        load_in_every_way(core, tmp_path)
        assert core.process.poll() is None
        core.process.send_signal(signal.SIGTERM)
        patient.until(lambda: watch.is_over)
        assert watch.status == 14
