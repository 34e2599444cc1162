# SPDX-License-Identifier: Apache-2.0
"""Compiled models are replaced under load, refused with a sentence, and classified."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.doubles.running import PATIENCE_S, RunningServer

from penstock.native.artifact import ArtifactBuilder, CompiledModel, write_artifact
from penstock_client import Client
from penstock_client._proto import native_artifact_pb2 as pb

RELOADS = 12
ROWS = np.array([[1, 2], [-3, 0.5], [0, 7]], np.float32)


def scaled(factor: float) -> CompiledModel:
    """`y` is `x` times the factor, through a layer, and `best` its larger column."""
    builder = ArtifactBuilder(source="a test")
    x = builder.input("x", "FP32", pb.FLOAT32, dims=[2])
    weight = builder.blob(np.eye(2) * factor, "<f4")
    y = builder.step(pb.Dense(weights=pb.Dense.FP32, weight=weight), [x], pb.FLOAT32, 2)
    builder.output("y", "FP32", y, dims=[2])
    builder.output("best", "INT64", builder.step(pb.ArgMax(), [y], pb.INT64, 1))
    return builder.finish()


def add(repository: Path, name: str, config: str = "", *versions: int) -> Path:
    """The model, whose version N multiplies by N; gives its folder."""
    folder = repository / name
    for version in versions or (1,):
        (folder / str(version)).mkdir(parents=True)
        write_artifact(scaled(version), folder / str(version) / "model.pnst")
    (folder / "config.pbtxt").write_text(f'backend: "native" max_batch_size: 8 {config}')
    return folder


#: Configurations that do not fit the file -> a part of the sentence that says so.
WRONG = {
    "other_name": ('input { name: "z" data_type: TYPE_FP32 dims: [2] }', "'z'"),
    "other_dims": ('input { name: "x" data_type: TYPE_FP32 dims: [3] }', "'x'"),
    "other_type": ('input { name: "x" data_type: TYPE_INT32 dims: [2] }', "'x'"),
    "other_output": ('output { name: "z" data_type: TYPE_FP32 dims: [2] }', "'z'"),
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = tmp_path_factory.mktemp("models")
    add(models, "swapped")
    add(models, "versions", "version_policy { all { } }", 1, 2)
    labelled = add(
        models,
        "labelled",
        'output { name: "y" data_type: TYPE_FP32 dims: [2] label_filename: "labels.txt" }',
    )
    (labelled / "labels.txt").write_text("left\nright\n")
    for name, (config, _) in WRONG.items():
        add(models, name, config)
    return models


@pytest.fixture(scope="module")
def server(repository: Path) -> Iterator[RunningServer]:
    flags = ("--model-control-mode=explicit", "--load-model=*")
    with RunningServer(repository, flags=flags) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.grpc) as made:
        yield made


def post(server: RunningServer, path: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(f"http://{server.rest}/v2/{path}", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return json.loads(answer.read() or b"{}")


def test_each_answer_is_of_one_file_while_files_are_swapped(
    server: RunningServer, repository: Path
) -> None:
    """The file that is served is replaced and loaded again and again."""
    is_over = threading.Event()
    wrong: list[Any] = []
    seen: set[float] = set()

    def ask() -> None:
        with Client(server.grpc) as own:
            while not is_over.is_set():
                found = own.infer("swapped", {"x": ROWS}, timeout=PATIENCE_S)["y"]
                factor = float(found[0, 0])
                seen.add(factor)
                if not np.array_equal(found, ROWS * factor) or factor not in range(1, RELOADS + 1):
                    wrong.append(found)

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    with Client(server.grpc) as own:
        for factor in range(2, RELOADS + 1):
            write_artifact(scaled(factor), repository / "swapped" / "1" / "model.pnst")
            post(server, "repository/models/swapped/load", {})
            found = own.infer("swapped", {"x": ROWS}, timeout=PATIENCE_S)["y"]
            np.testing.assert_array_equal(found, ROWS * factor)
    is_over.set()
    for asker in askers:
        asker.join(PATIENCE_S)
    assert not wrong
    assert seen


def test_versions_are_files_of_their_own(client: Client) -> None:
    for version in (1, 2):
        answer = client.infer("versions", {"x": ROWS}, version=str(version), timeout=10)
        np.testing.assert_array_equal(answer["y"], ROWS * version)
    assert client.infer("versions", {"x": ROWS}, timeout=10).model_version == "2"


def test_outputs_may_be_asked_for_one_by_one(client: Client) -> None:
    answer = client.infer("versions", {"x": ROWS}, outputs=["best"], timeout=10)
    assert list(answer) == ["best"]
    assert answer["best"].tolist() == [1, 1, 1]


def test_scores_are_classified_by_their_labels(server: RunningServer) -> None:
    body = {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [3, 2], "data": ROWS.tolist()}],
        "outputs": [{"name": "y", "parameters": {"classification": 1}}],
    }
    (output,) = post(server, "models/labelled/infer", body)["outputs"]
    assert output["datatype"] == "BYTES"
    assert [text.rpartition(":")[2] for text in output["data"]] == ["right", "right", "right"]


@pytest.mark.parametrize("name", WRONG)
def test_a_configuration_that_is_not_the_files_is_told(server: RunningServer, name: str) -> None:
    failed = [
        line
        for line in server.log().splitlines()
        if "model_failed_to_load" in line and f"model={name} " in line
    ]
    assert len(failed) == 1
    assert WRONG[name][1] in failed[0]


def test_a_file_that_was_damaged_leaves_what_is_served(
    server: RunningServer, client: Client, repository: Path
) -> None:
    file = repository / "versions" / "2" / "model.pnst"
    content = file.read_bytes()
    part = file.with_suffix(".part")
    part.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    part.replace(file)
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(server, "repository/models/versions/load", {})
    assert "checksum" in json.loads(refused.value.read())["error"]
    answer = client.infer("versions", {"x": ROWS}, version="2", timeout=10)
    np.testing.assert_array_equal(answer["y"], ROWS * 2)
