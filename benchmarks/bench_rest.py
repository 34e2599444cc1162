# SPDX-License-Identifier: Apache-2.0
"""What does a request over REST cost when the model costs nothing?

Identity of [1,16] floats over HTTP/1.1, 8 keep-alive connections, the tensor in JSON and as binary
data behind it: Penstock beside FastAPI on uvicorn with uvloop, and beside a bare epoll responder
that finds the end of each request and writes an answer kept ready.
"""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import models, report, rest, runner
from benchmarks.h2load import Load, check, command, parse
from benchmarks.runner import Sample, Stage
from benchmarks.servers import Server, cpu_ns

_WIDTH = 16
_CONNECTIONS = 8
# CPU us per request on the reference machine.
_TARGETS = {"binary": 10.5, "JSON": 14.0}


def main() -> None:
    """Answer the question."""
    opts = runner.options(__doc__ or "")
    rows = np.random.default_rng(7).standard_normal((1, _WIDTH)).astype(np.float32)
    answers: dict[str, Any] = {}
    for form, request in (
        ("binary", rest.binary_request("identity", rows)),
        ("JSON", rest.json_request("identity", rows)),
    ):
        with runner.stage(opts) as stage:
            answers[form] = _compare(stage, form, request, rest.Asking(request, rows))
            is_last = form == "JSON"
            if is_last:
                stage.keep("rest", answers)


def _compare(
    stage: Stage, form: str, request: rest.RestRequest, asking: rest.Asking
) -> dict[str, Any]:
    models.add_identity(stage.folder / "models", "identity", _WIDTH)
    own = stage.penstock(stage.folder / "models", request.body, rest=asking)
    stage.rival("fastapi_echo", request.body, asking=asking)
    answer = _kept_answer(own, request, asking)
    kept = stage.folder / "answer"
    kept.write_bytes(answer)
    stage.rival("bare_h1_responder", request.body, str(kept), asking=asking)
    samples = _time(stage, request, asking)
    table = report.cpu_table(f"Identity [1,16] over REST, {form}, 8 connections", samples)
    goals = [
        report.Goal(what="times below FastAPI", limit=10, is_floor=True).verdict(
            report.cpu_ratio(samples, "fastapi_echo", runner.PENSTOCK).median
        ),
        report.Goal(what="times the bare responder", limit=1.6).verdict(
            report.cpu_ratio(samples, runner.PENSTOCK, "bare_h1_responder").median
        ),
        report.Goal(what="CPU us per request", limit=_TARGETS[form]).verdict(
            table[runner.PENSTOCK]["cpu_us_per_request"]["median"]
        ),
    ]
    return {"servers": table, "goals": goals}


def _kept_answer(own: Server, request: rest.RestRequest, asking: rest.Asking) -> bytes:
    """Return what the bare responder writes: a right answer, as long as Penstock's own."""
    content = asking(own.port, request.body)
    fields = ["HTTP/1.1 200 OK", "content-type: application/octet-stream"]
    if request.header_bytes is not None:
        fields.append(f"{rest.HEADER_LENGTH}: {content.index(b'}]}') + 3}")
    fields.append(f"content-length: {len(content)}")
    return "\r\n".join([*fields, "", ""]).encode() + content


def _time(stage: Stage, request: rest.RestRequest, asking: rest.Asking) -> dict[str, list[Sample]]:
    body = Path(stage.folder / "request")
    body.write_bytes(request.body)
    load = Load(
        connections=_CONNECTIONS,
        streams=1,
        body=body,
        path=request.path,
        headers=tuple(f"{name}: {value}" for name, value in request.headers.items()),
        is_http1=True,
    )
    sizes = {server.name: len(asking(server.port, request.body)) for server in stage.servers}

    def once(server: Server, requests: int) -> Sample:
        before = cpu_ns(server.pid)
        outcome = parse(stage.run_load(command(load, server.port, requests)))
        cpu = cpu_ns(server.pid) - before
        check(outcome, requests, sizes[server.name])
        return Sample(
            requests=requests, seconds=outcome.seconds, cpu_us_per_request=cpu / requests / 1e3
        )

    samples = stage.time_in_turns(once, _CONNECTIONS)
    for server in stage.servers:
        asking(server.port, request.body)
    return samples


if __name__ == "__main__":
    main()
