# SPDX-License-Identifier: Apache-2.0
"""What does inference mind of being watched?

Identity of [1,16] floats, 8 connections x 16 streams in a closed loop, on a server of ten models:
p99 of its requests with a scrape of /metrics every second and without, in turns on one server.
"""

import contextlib
import re
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict

import numpy as np

from benchmarks import compare, latency, messages, models, report, runner
from benchmarks.h2load import Load, WrongAnswersError
from benchmarks.servers import Server, free_port, verify
from benchmarks.tensors import echoes

_WIDTH = 16
_MODELS = 10
_SCRAPE_EVERY_S = 1.0
#: So that a run has several scrapes in it.
_SECONDS_MIN = 5.0
_MORE_US_MAX = 1000.0


def answered(port: int) -> int:
    """Scrape once; return the requests that the loaded model has answered by the page."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
        text = page.read().decode()
    found = re.search(r'^nv_inference_request_success\{model="identity0",.*\} (\d+)$', text, re.M)
    if found is None:
        raise WrongAnswersError(f"the page has no count of identity0:\n{text}")
    return int(found[1])


@contextlib.contextmanager
def scraped(port: int) -> Iterator[list[float]]:
    """Scrape every second until the block ends; yields how many seconds each took."""
    ended = threading.Event()
    took: list[float] = []

    def go_on() -> None:
        while not ended.is_set():
            began = time.monotonic()
            answered(port)
            took.append(time.monotonic() - began)
            ended.wait(max(0.0, began + _SCRAPE_EVERY_S - time.monotonic()))

    scraper = threading.Thread(target=go_on)
    scraper.start()
    try:
        yield took
    finally:
        ended.set()
        scraper.join()


def main() -> None:
    """Answer the question."""
    opts = runner.options(__doc__ or "", has_rivals=False)
    rows = np.random.default_rng(7).standard_normal((1, _WIDTH)).astype(np.float32)
    request = messages.encode_request("identity0", rows.shape, rows.tobytes())
    with runner.stage(opts) as stage:
        repository = stage.folder / "models"
        for index in range(_MODELS):
            models.add_identity(repository, f"identity{index}", _WIDTH)
        port = free_port()
        server = stage.penstock(repository, request, "--metrics-port", str(port))
        stage.keep("scrape", answer_of(stage, server, port, request, rows))


def answer_of(
    stage: runner.Stage, server: Server, port: int, request: bytes, rows: np.ndarray
) -> dict[str, object]:
    """Time with and without scrapes, in turns; print and return both."""
    load = Load(connections=8, streams=16, body=stage.body("request", request))
    answer_bytes = verify(server, request, echoes(rows))
    trial = latency.once(stage, server, load, 20_000, answer_bytes)
    seconds = max(stage.options.seconds, _SECONDS_MIN) if stage.options.seconds >= 1 else 1.0
    count = int(seconds * load.connections * load.streams * 1e6 / trial.p50)
    before = answered(port)
    runs: dict[str, list[latency.Run]] = {"alone": [], "scraped": []}
    took: list[float] = []
    for turn in compare.turns(list(runs), stage.options.repeats):
        for name in turn:
            scrapes = scraped(port) if name == "scraped" else contextlib.nullcontext([0.0])
            with scrapes as seconds_each:
                runs[name].append(latency.once(stage, server, load, count, answer_bytes))
            took += seconds_each if name == "scraped" else []
    wanted = before + count * 2 * stage.options.repeats
    if (counted := answered(port)) != wanted:
        raise WrongAnswersError(f"{wanted} requests were answered, the page says {counted}")
    verify(server, request, echoes(rows))

    p99 = {name: compare.spread([run.p99 for run in of]) for name, of in runs.items()}
    p50 = {name: compare.spread([run.p50 for run in of]) for name, of in runs.items()}
    report.table(
        f"Identity [1,16], 8 x 16, {_MODELS} models, a scrape every second",
        ["", "p50 us", "p99 us"],
        [[name, str(p50[name]), str(p99[name])] for name in runs],
    )
    more = compare.spread(
        [one.p99 - other.p99 for one, other in zip(runs["scraped"], runs["alone"], strict=True)]
    )
    scrape_ms = compare.spread([1e3 * one for one in took])
    print(f"p99 with scrapes above that without, us: {more}; a scrape takes ms: {scrape_ms}")
    goal = report.Goal(what="us of p99 more with scrapes", limit=_MORE_US_MAX).verdict(more.median)
    return {
        "runs": {name: [asdict(run) for run in of] for name, of in runs.items()},
        "p99_us": {name: asdict(one) for name, one in p99.items()},
        "p99_more_us": asdict(more),
        "scrape_ms": asdict(scrape_ms),
        "scrapes": len(took),
        "goals": [goal],
    }


if __name__ == "__main__":
    main()
