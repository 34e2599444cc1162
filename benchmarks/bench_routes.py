# SPDX-License-Identifier: Apache-2.0
"""What does a request pay for routes?

Identity of [1,16] floats, 8 connections x 16 streams in a closed loop, every request with a sticky
header: CPU per request of a server without a route, of one whose route has one arm, of one in a
rollout with three arms, and of one whose shadow gets a copy of every request; what executing and
comparing the copies takes is in the last. Beside them what a request pays where there is no route
at all, natively: the best of many trials on one pinned core (benchmarks/traffic/picker.cc).
"""

import subprocess
import sys
from dataclasses import asdict, replace

import grpc
import numpy as np

from benchmarks import compare, h2load, messages, models, report, runner
from benchmarks.servers import Server
from benchmarks.tensors import echoes
from penstock_client import Client

_WIDTH = 16
_KEY = ("penstock-sticky-key", "user-4711")
_ROUTE = """
[[arms]]
name = "stable"
version = 1
share_bp = 10_000
"""
_SHADOW = """
[[shadows]]
name = "shadow"
version = 2
"""
#: Stays where it is.
_ROLLOUT = "stages_bp = [2_000, 10_000]\ndwell_s = 86_400\nshadow = false\n"
_PROGRAM = runner.BUILD / "traffic_picker"
_NATIVE = "a request of a server without routes"
_NATIVE_NS_MAX = 20.0


def main() -> None:
    """Answer the question."""
    opts = runner.options(__doc__ or "", has_rivals=False)
    if not _PROGRAM.exists():
        sys.exit("the program is not built: run benchmarks/traffic/build.sh")
    rows = np.random.default_rng(7).standard_normal((1, _WIDTH)).astype(np.float32)
    probe = messages.encode_request("identity", rows.shape, rows.tobytes())
    with runner.stage(opts) as stage:
        for name, route in (
            (runner.PENSTOCK, ""),
            ("a route of one arm", _ROUTE),
            ("a rollout of three arms", ""),
            ("a shadow of everything", _ROUTE + _SHADOW),
        ):
            repository = stage.folder / name.replace(" ", "-")
            models.add_identity(repository, "identity", _WIDTH, versions=2)
            if route:
                (repository / "identity" / "route.toml").write_text(route)
            server = stage.penstock(repository, probe, name=name)
            if "rollout" in name:
                with Client(f"127.0.0.1:{server.port}") as client:
                    client.rollouts.start("identity", 2, stable=1, spec=_ROLLOUT)
        stage.keep("routes", _answer(stage, probe, rows))


def _answer(stage: runner.Stage, request: bytes, rows: np.ndarray) -> dict[str, object]:
    """Time all in turns; print and return what they take."""
    plain = h2load.Load(connections=8, streams=16, body=stage.body("request", request))
    load = replace(plain, headers=(*plain.headers, ": ".join(_KEY)))
    answers = {one.name: _answer_bytes(one, request, rows) for one in stage.servers}

    def once(server: Server, requests: int) -> runner.Sample:
        return stage.load_once(server, load, requests, answers[server.name])

    samples = stage.time_in_turns(once, load.connections * load.streams)
    recorded = report.cpu_table("Identity [1,16], 8 x 16, with a sticky header", samples)
    more = {
        name: compare.spread(
            [
                one.cpu_us_per_request - other.cpu_us_per_request
                for one, other in zip(runs, samples[runner.PENSTOCK], strict=True)
            ]
        )
        for name, runs in samples.items()
    }
    report.table(
        "CPU us more than without a route",
        ["", "us"],
        [[name, str(one)] for name, one in more.items()],
    )
    native_ns = _native_ns(stage.options)
    goal = report.Goal(what="ns natively without any route", limit=_NATIVE_NS_MAX)
    return {
        "servers": recorded,
        "more_us": {name: asdict(one) for name, one in more.items()},
        "native_ns": native_ns,
        "goals": [goal.verdict(native_ns)],
    }


def _answer_bytes(server: Server, request: bytes, rows: np.ndarray) -> int:
    """What the key's answers have, with gRPC's prefix; they are checked."""
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(h2load.PATH)
        response = call(request, timeout=10, metadata=(_KEY,))
    echoes(rows)(messages.decode_response(response))
    return len(messages.framed(response))


def _native_ns(opts: runner.Options) -> float:
    """The best of all repeats."""
    core = ["taskset", "-c", str(opts.load_core)]
    best = []
    for _ in range(opts.repeats):
        run = subprocess.run([*core, _PROGRAM, _NATIVE], capture_output=True, text=True, check=True)
        best.append(float(run.stdout.split("\t")[1]))
    return min(best)


if __name__ == "__main__":
    main()
