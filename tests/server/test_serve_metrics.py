# SPDX-License-Identifier: Apache-2.0
"""What /metrics says after known requests, read by Prometheus' own tools."""

import shutil
import subprocess
from collections.abc import Iterator

import numpy as np
import pytest
from tests.doubles.model_files import add_affine
from tests.doubles.running import RunningServer

from penstock_client import Client, InvalidArgument

REQUESTS = 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    repository = tmp_path_factory.mktemp("models")
    add_affine(repository, "affine", config="max_batch_size: 8")
    with RunningServer(repository) as running:
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
        ("nv_inference_compute_infer_duration_histogram_us_count", REQUESTS),
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
