# SPDX-License-Identifier: Apache-2.0
"""`penstock serve` from a store that speaks S3: moto's server, through s3fs."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.doubles.model_files import add_affine, add_identity
from tests.doubles.object_store import ObjectStore, s3_packages
from tests.doubles.running import PATIENCE_S, RunningServer
from tritonclient.grpc import InferenceServerClient  # type: ignore[import-untyped, unused-ignore]
from tritonclient.utils import (  # type: ignore[import-untyped, unused-ignore]
    InferenceServerException,
)

from penstock_client import Client

pytestmark = pytest.mark.slow

X = np.zeros((1, 3), np.float32)


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with ObjectStore() as running:
        yield running


def environment(store: ObjectStore) -> dict[str, str]:
    return {**store.environment, "PYTHONPATH": str(s3_packages())}


def serve(store: ObjectStore, place: str, *flags: str) -> RunningServer:
    repository = f"--model-repository=s3://{store.address}/{place}"
    return RunningServer(flags=(repository, *flags), environment=environment(store))


def put_affine(store: ObjectStore, place: str, folder: Path, *, version: int, add: float) -> None:
    add_affine(folder, "m", version=version, add=add)
    store.put_folder(folder, place)


def test_models_of_a_bucket_are_served_and_followed(store: ObjectStore, tmp_path: Path) -> None:
    store.put("polled")
    put_affine(store, "polled/models", tmp_path, version=1, add=1)
    add_identity(tmp_path, "echo", [("x", "TYPE_FP32", [3])], 4)
    store.put_folder(tmp_path, "polled/models")
    store.put("polled/models/echo/1/")  # a folder, as consoles make them
    store.put("polled/models/.hidden/x", b"")
    flags = ("--model-control-mode=poll", "--repository-poll-secs=1", "--log-format=json")
    with (
        serve(store, "polled/models", *flags) as server,
        Client(server.grpc) as client,
    ):
        assert client.infer("m", {"x": X}, timeout=30)["y"][0, 0] == 1
        assert client.infer("echo", {"x": X}, timeout=30)["x_out"][0, 0] == 0
        put_affine(store, "polled/models", tmp_path, version=2, add=5)
        give_up = time.monotonic() + PATIENCE_S
        while client.infer("m", {"x": X}, timeout=30)["y"][0, 0] != 5:
            assert time.monotonic() < give_up
        server.drain()
        assert server.wait() == 0
        log = server.log()
    assert '"model_fetched"' in log
    assert "secret-that-nobody-is-told" not in log


def test_a_client_loads_a_model_of_a_bucket(store: ObjectStore, tmp_path: Path) -> None:
    store.put("explicit")
    put_affine(store, "explicit", tmp_path, version=1, add=1)
    with (
        serve(store, "explicit", "--model-control-mode=explicit") as server,
        InferenceServerClient(server.grpc) as triton,
        Client(server.grpc) as client,
    ):
        assert [one.name for one in triton.get_model_repository_index().models] == ["m"]
        assert not triton.is_model_ready("m")
        triton.load_model("m")
        assert client.infer("m", {"x": X}, timeout=30)["y"][0, 0] == 1
        with pytest.raises(InferenceServerException, match="has a folder of this name"):
            triton.load_model("absent")
        put_affine(store, "explicit", tmp_path, version=1, add=2)
        triton.load_model("m")
        assert client.infer("m", {"x": X}, timeout=30)["y"][0, 0] == 2
        store.delete("explicit/m/1/model.onnx")
        with pytest.raises(InferenceServerException, match="has a folder of this name"):
            triton.load_model("m")
        assert client.infer("m", {"x": X}, timeout=30)["y"][0, 0] == 2


def test_a_bucket_that_is_not_there_stops_the_start(store: ObjectStore) -> None:
    store.put("empty")
    for place, told in [
        ("absent/models", "There is no model repository s3://"),
        ("empty/models", "There is no model repository s3://"),
    ]:
        done = subprocess.run(
            [
                sys.executable, "-m", "penstock", "serve", "--grpc-port=0", "--http-port=0",
                "--metrics-port=0", f"--model-repository=s3://{store.address}/{place}",
            ],
            env={"PATH": "/usr/bin", **environment(store)},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )  # fmt: skip
        assert done.returncode == 1
        assert told in done.stderr
        assert "Traceback" not in done.stderr
