# SPDX-License-Identifier: Apache-2.0
"""What the page tells of GPUs, by a double of the driver's management library."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.doubles.running import RunningServer

SOURCE = Path(__file__).parent.parent / "doubles" / "nvml.c"
LOUD, SILENT = "GPU-loud", "GPU-silent"


@pytest.fixture(scope="module")
def drivers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a driver's library."""
    folder = tmp_path_factory.mktemp("driver")
    library = folder / "libnvidia-ml.so.1"
    subprocess.run(["g++", "-x", "c", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
    return folder


@pytest.fixture(scope="module")
def server(drivers: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    environment = {"LD_LIBRARY_PATH": str(drivers)}
    with RunningServer(tmp_path_factory.mktemp("models"), environment=environment) as running:
        yield running


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("nv_gpu_utilization", 0.37),
        ("nv_gpu_memory_total_bytes", 80e9),
        ("nv_gpu_memory_used_bytes", 1e9),
        ("nv_gpu_power_usage", 123.456),
        ("nv_gpu_power_limit", 700.0),
    ],
)
def test_a_device_is_told_in_tritons_units(server: RunningServer, name: str, value: float) -> None:
    assert server.counted(name, gpu_uuid=LOUD) == value


def test_energy_counts_from_the_servers_start(server: RunningServer) -> None:
    joules = server.counted("nv_energy_consumption", gpu_uuid=LOUD)
    assert joules > 0
    assert joules % 2.5 == 0
    assert joules < 5000


def test_what_a_device_does_not_tell_has_no_sample(server: RunningServer) -> None:
    assert SILENT not in server.metrics_text()


def test_a_server_that_may_not_ask_tells_nothing(drivers: Path, tmp_path: Path) -> None:
    environment = {"LD_LIBRARY_PATH": str(drivers)}
    flags = ("--allow-gpu-metrics=false",)
    with RunningServer(tmp_path, flags=flags, environment=environment) as server:
        assert "nv_gpu" not in server.metrics_text()
