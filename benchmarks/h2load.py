# SPDX-License-Identifier: Apache-2.0
"""h2load (Debian's nghttp2-client): its command line, what it prints, what must hold of it.

Pure: running it is the runner's work.
"""

import re
from dataclasses import dataclass
from pathlib import Path

PATH = "/inference.GRPCInferenceService/ModelInfer"

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


class WrongAnswersError(Exception):
    """A server did not answer every request as it should have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A closed loop: each of `streams` on each of `connections` sends when it was answered.

    With `rate`, in requests per second of each connection, it sends so often, whatever is answered.
    """

    connections: int
    streams: int
    body: Path
    frame_bytes_max: int = 16384
    path: str = PATH
    headers: tuple[str, ...] = ("content-type: application/grpc", "te: trailers")
    is_http1: bool = False
    rate: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What h2load counted. `data_bytes` are those of DATA frames' contents."""

    seconds: float
    total: int
    succeeded: int
    status_2xx: int
    data_bytes: int


def command(load: Load, port: int, requests: int, log: Path | None = None) -> list[str]:
    """Return h2load's command line; `log` receives a line for each request."""
    argv = ["h2load", "-n", str(requests), "-c", str(load.connections), "-m", str(load.streams)]
    argv += ["-d", str(load.body), "-f", str(load.frame_bytes_max)]
    argv += [word for header in load.headers for word in ("-H", header)]
    argv += ["--h1"] if load.is_http1 else []
    argv += [f"--rps={load.rate}"] if load.rate else []
    if log is not None:
        argv += [f"--log-file={log}"]
    return [*argv, f"http://127.0.0.1:{port}{load.path}"]


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    if found is None:
        raise ValueError(f"h2load printed nothing like {pattern!r}:\n{text}")
    return int(found[1])


def parse(text: str) -> Outcome:
    """Read what h2load printed. Raises ValueError where a line is missing."""
    finished = re.search(r"finished in ([\d.]+)(us|ms|s|m)\b", text)
    if finished is None:
        raise ValueError(f"h2load did not finish:\n{text}")
    return Outcome(
        seconds=float(finished[1]) * _UNITS[finished[2]],
        total=_number(r"requests: (\d+) total", text),
        succeeded=_number(r"(\d+) succeeded", text),
        status_2xx=_number(r"status codes: (\d+) 2xx", text),
        data_bytes=_number(r"\((\d+)\) data", text),
    )


def check(outcome: Outcome, requests: int, answer_bytes: int) -> None:
    """Raise WrongAnswersError unless every request got 2xx and an answer of `answer_bytes`.

    A gRPC error is HTTP status 200 with no message, so the bytes must add up as well.
    `answer_bytes` counts gRPC's prefix of 5 bytes.
    """
    if not outcome.total == outcome.succeeded == outcome.status_2xx == requests:
        raise WrongAnswersError(f"{requests} requests were to succeed: {outcome}")
    if outcome.data_bytes != requests * answer_bytes:
        raise WrongAnswersError(
            f"{requests} answers of {answer_bytes} bytes were wanted, "
            f"{outcome.data_bytes} bytes came: {outcome}"
        )


def parse_log(text: str) -> list[int]:
    """Return each request's microseconds, in the order of their ends, from h2load's log file.

    Raises WrongAnswersError where a request's status is not 200.
    """
    times = []
    for line in text.splitlines():
        _start, status, microseconds = line.split("\t")[:3]
        if status != "200":
            raise WrongAnswersError(f"a request ended with status {status}")
        times.append(int(microseconds))
    return times
