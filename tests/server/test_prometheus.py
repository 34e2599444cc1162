# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus scrapes a loaded server every second, and is asked what operators ask."""

import json
import math
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.doubles.model_files import add_affine
from tests.doubles.running import RunningServer

from penstock_client import Client

PATIENCE_S = 60.0
ROWS = np.zeros((2, 3), np.float32)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed"),
]

Asked = list[tuple[dict[str, str], float]]


class Prometheus:
    """Scrapes `target` every second for as long as the `with` block does."""

    def __init__(self, target: str, folder: Path) -> None:
        config = folder / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
            "scrape_configs:\n"
            "  - job_name: penstock\n"
            f"    static_configs: [{{targets: ['{target}']}}]\n"
        )
        self._log = (folder / "log").open("w+")
        self._process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                "--web.listen-address=127.0.0.1:0",
            ],
            stderr=self._log,
        )

    def __enter__(self) -> "Prometheus":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_S)
        self._log.close()

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def address(self) -> str:
        """Where it listens, once it does; empty before."""
        assert self._process.poll() is None, self.log()
        told = self.log()
        found = re.search(r'msg="Listening on" address=(\S+)', told)
        return found[1] if found and "Server is ready to receive web requests" in told else ""

    def ask(self, query: str) -> Asked:
        """The samples that answer `query` now."""
        url = f"http://{self.address()}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            told = json.load(answer)
        assert told["status"] == "success", told
        return [(one["metric"], float(one["value"][1])) for one in told["data"]["result"]]


Until = Callable[[Callable[[], Asked], str], Asked]


@pytest.fixture(scope="module")
def watched(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Prometheus, Until]]:
    """A server under load, its Prometheus, and what goes on loading until an answer is there."""
    repository = tmp_path_factory.mktemp("models")
    add_affine(repository, "affine", config="max_batch_size: 8")
    flags = ("--metrics-config=summary_latencies=true",)
    with (
        RunningServer(repository, flags=flags) as server,
        Client(server.grpc) as client,
        Prometheus(server.metrics, tmp_path_factory.mktemp("prometheus")) as prometheus,
    ):

        def load_until(answered: Callable[[], Asked], what: str) -> Asked:
            end = time.monotonic() + PATIENCE_S
            while True:
                for _ in range(50):
                    client.infer("affine", {"x": ROWS}, timeout=10)
                if prometheus.address() and (found := answered()):
                    return found
                assert time.monotonic() < end, f"{what}\n{prometheus.log()}"

        yield prometheus, load_until


def value_of(watched: tuple[Prometheus, Until], query: str) -> float:
    """The one sample that answers `query`, as soon as there is one above zero."""
    prometheus, load_until = watched

    def answered() -> Asked:
        return [one for one in prometheus.ask(query) if one[1] > 0]

    ((_, value),) = load_until(answered, f"nothing answered {query}")
    return value


def test_the_target_is_up(watched: tuple[Prometheus, Until]) -> None:
    assert value_of(watched, 'up{job="penstock"}') == 1


def test_a_scrape_gives_every_sample_of_the_page(watched: tuple[Prometheus, Until]) -> None:
    assert value_of(watched, "scrape_samples_scraped") > 200
    assert value_of(watched, "scrape_samples_scraped == scrape_samples_post_metric_relabeling") > 0


def test_requests_have_a_rate(watched: tuple[Prometheus, Until]) -> None:
    rate = value_of(watched, 'rate(nv_inference_request_success{model="affine"}[5s])')
    rows = value_of(watched, 'rate(nv_inference_count{model="affine"}[5s])')
    assert rate > 1
    assert math.isfinite(rows)


def test_a_histogram_has_a_99th_percentile(watched: tuple[Prometheus, Until]) -> None:
    p99_us = value_of(
        watched,
        "histogram_quantile(0.99, sum by (model, le) "
        "(rate(nv_inference_request_duration_histogram_us_bucket[5s])))",
    )
    assert 0 < p99_us < 10_000_000


def test_a_summary_has_quantiles(watched: tuple[Prometheus, Until]) -> None:
    median = value_of(watched, 'nv_inference_request_summary_us{quantile="0.5"}')
    assert median <= value_of(watched, 'nv_inference_request_summary_us{quantile="0.999"}')


def test_the_machine_is_told(watched: tuple[Prometheus, Until]) -> None:
    assert 0 < value_of(watched, "nv_cpu_utilization") <= 1
    used = value_of(watched, "nv_cpu_memory_used_bytes")
    assert used < value_of(watched, "nv_cpu_memory_total_bytes")


def test_metadata_are_read_as_they_are_meant(watched: tuple[Prometheus, Until]) -> None:
    prometheus, load_until = watched
    load_until(lambda: prometheus.ask('up{job="penstock"} == 1'), "the target never came up")
    with urllib.request.urlopen(
        f"http://{prometheus.address()}/api/v1/metadata", timeout=10
    ) as answer:
        types = {name: one[0]["type"] for name, one in json.load(answer)["data"].items()}
    assert types["nv_inference_request_success"] == "counter"
    assert types["nv_inference_pending_request_count"] == "gauge"
    assert types["nv_inference_queue_duration_histogram_us"] == "histogram"
    assert types["nv_inference_compute_infer_summary_us"] == "summary"
