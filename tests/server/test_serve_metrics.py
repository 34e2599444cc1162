# SPDX-License-Identifier: Apache-2.0
"""What /metrics says after known requests, read by Prometheus' own tools."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.doubles.model_files import add_affine
from tests.doubles.running import RunningServer

from penstock_client import Client, InvalidArgument

REQUESTS = 20
FLAGS = ("--grpc-infer-thread-count=1", "--allow-gpu-metrics=false")
SUMMARIES = ("--metrics-config=summary_latencies=true", "--metrics-config=counter_latencies=false")
#: What Triton counts: every line of a page without its value, and without buckets.
GOLDEN = Path(__file__).parent / "golden" / "metrics.txt"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    repository = tmp_path_factory.mktemp("models")
    add_affine(repository, "affine", config="max_batch_size: 8")
    with RunningServer(repository, flags=FLAGS) as running:
        with Client(running.grpc) as client:
            for _ in range(REQUESTS):
                client.infer("affine", {"x": np.zeros((2, 3), np.float32)}, timeout=10)
            with pytest.raises(InvalidArgument):
                client.infer("affine", {"x": np.zeros((2, 4), np.float32)}, timeout=10)
        yield running


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("nv_inference_request_success", REQUESTS),
        ("nv_inference_request_failure", 1),
        ("nv_inference_count", 2 * REQUESTS),
        ("nv_inference_exec_count", REQUESTS),
        ("nv_inference_pending_request_count", 0),
        ("nv_inference_request_duration_histogram_us_count", REQUESTS),
        ("nv_inference_queue_duration_histogram_us_count", REQUESTS),
        ("nv_inference_compute_input_duration_histogram_us_count", REQUESTS),
        ("nv_inference_compute_infer_duration_histogram_us_count", REQUESTS),
        ("nv_inference_compute_output_duration_histogram_us_count", REQUESTS),
        ("penstock_batch_rows_count", REQUESTS),
        ("penstock_batch_rows_sum", 2 * REQUESTS),
    ],
)
def test_requests_are_counted_under_tritons_names(
    server: RunningServer, name: str, value: float
) -> None:
    assert server.counted(name, model="affine", version="1") == value


def test_durations_grow_with_requests(server: RunningServer) -> None:
    assert server.counted("nv_inference_request_duration_us", model="affine") > 0
    assert server.counted("nv_model_load_duration_secs", model="affine", version="1") > 0


def test_the_server_counts_its_connections(server: RunningServer) -> None:
    assert server.counted("penstock_connections_accepted_total") >= 1
    assert server.counted("penstock_build_info") == 1


def test_every_family_has_a_type_and_a_help_text(server: RunningServer) -> None:
    families = server.families()
    assert [f.name for f in families.values() if f.type == "unknown" or not f.documentation] == []


def test_what_triton_counts_has_the_names_types_and_labels_that_are_written_down(
    server: RunningServer,
) -> None:
    told = [line for line in server.metrics_text().splitlines() if "nv_" in line]
    lines = [line for line in told if 'le="' not in line]
    shape = [line if line.startswith("#") else line.rpartition(" ")[0] for line in lines]
    assert shape == GOLDEN.read_text().splitlines()


def test_the_machine_is_told_unless_it_is_not_wanted(server: RunningServer) -> None:
    total = server.counted("nv_cpu_memory_total_bytes")
    assert 0 < server.counted("nv_cpu_memory_used_bytes") < total
    assert 0 <= server.counted("nv_cpu_utilization") <= 1


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_no_error(server: RunningServer) -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=server.metrics_text(),
        capture_output=True,
        text=True,
    )
    # 3 is its status for opinions, such as on counters that do not end in _total: Triton's do not.
    assert done.returncode in (0, 3), done.stderr
    assert "error" not in done.stderr.lower().replace("_error", "")


def test_forms_of_durations_are_chosen_by_flags(tmp_path: Path) -> None:
    add_affine(tmp_path, "affine", config="max_batch_size: 8")
    flags = (*FLAGS, *SUMMARIES, "--metrics-config=summary_quantiles=0.5:0.05,0.99:0.001")
    quiet = ("--metrics-config=histogram_latencies=false", "--allow-cpu-metrics=false")
    with (
        RunningServer(tmp_path, flags=(*flags, *quiet)) as server,
        Client(server.grpc) as client,
    ):
        for _ in range(REQUESTS):
            client.infer("affine", {"x": np.zeros((2, 3), np.float32)}, timeout=10)
        families = server.families()
    summary = families["nv_inference_request_summary_us"]
    told = {s.labels.get("quantile", s.name): s.value for s in summary.samples}
    assert told["nv_inference_request_summary_us_count"] == REQUESTS
    assert 0 < told["0.5"] <= told["0.99"] < told["nv_inference_request_summary_us_sum"]
    assert len(told) == 4
    assert families["nv_inference_count"].samples[0].value == 2 * REQUESTS
    unwanted = {name for name in families if re.search("duration_us|histogram|nv_cpu", name)}
    assert unwanted == set()


def test_a_setting_that_is_none_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="--metrics-config: wanted counter_latencies=BOOL"):
        RunningServer(tmp_path, flags=("--metrics-config=latencies=true",))
