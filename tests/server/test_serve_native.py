# SPDX-License-Identifier: Apache-2.0
"""Compiled models in a repository are served natively, over gRPC and REST."""

import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.doubles.running import RunningServer

from penstock.native.artifact import ArtifactBuilder, CompiledModel, write_artifact
from penstock.native.reference import evaluate
from penstock_client import Client, InvalidArgument
from penstock_client._proto import native_artifact_pb2 as pb


def scorer() -> CompiledModel:
    """Numbers and words in, a score and a label out."""
    builder = ArtifactBuilder(source="a test")
    x = builder.input("x", "FP32", pb.FLOAT32, dims=[2])
    word = builder.input("word", "BYTES", pb.TEXT, dims=[1])
    place = builder.step(pb.StringIndex(strings=["red", "blue"]), [word], pb.INT64, 1)
    number = builder.step(pb.Convert(), [place], pb.FLOAT32, 1)
    row = builder.step(pb.Concat(), [x, number], pb.FLOAT32, 3)
    layer = pb.Dense(
        weights=pb.Dense.FP32,
        weight=builder.blob([[1, 2, 3], [-1, 0, 1]], "<f4"),
        bias=builder.blob([0.5, 0], "<f4"),
    )
    score = builder.step(layer, [row], pb.FLOAT32, 2)
    best = builder.step(pb.ArgMax(), [score], pb.INT64, 1)
    label = builder.step(pb.Labels(strings=["no", "yes"]), [best], pb.TEXT, 1)
    builder.output("score", "FP32", score, dims=[2])
    builder.output("label", "BYTES", label)
    return builder.finish()


def add(repository: Path, name: str, *, config: str = "") -> None:
    folder = repository / name / "1"
    folder.mkdir(parents=True)
    if config:
        (repository / name / "config.pbtxt").write_text(config)
    write_artifact(scorer(), folder / "model.pnst")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    repository = tmp_path_factory.mktemp("models")
    add(repository, "scorer")
    add(
        repository,
        "narrow",
        config='backend: "native" max_batch_size: 8 output { name: "label" data_type: TYPE_STRING '
        'dims: [1] reshape { shape: [] } } input { name: "word" data_type: TYPE_STRING dims: [1] } '
        'input { name: "x" data_type: TYPE_FP32 dims: [2] }',
    )
    add(repository, "whole", config="max_batch_size: 0 " + WHOLE)
    broken = repository / "broken" / "1"
    broken.mkdir(parents=True)
    (broken / "model.pnst").write_bytes(b"\x89PNST\r\n\x1a and no more")
    with RunningServer(repository) as running:
        yield running


WHOLE = """
input { name: "x" data_type: TYPE_FP32 dims: [-1, 2] }
input { name: "word" data_type: TYPE_STRING dims: [-1, 1] }
output { name: "score" data_type: TYPE_FP32 dims: [-1, 2] }
"""


def rows(count: int, seed: int = 0) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    words = np.array([b"red", b"blue", b"green", b""], object)
    return {
        "x": random.normal(0, 1, (count, 2)).astype(np.float32),
        "word": random.choice(words, (count, 1)),
    }


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.grpc) as made:
        yield made


@pytest.mark.parametrize("count", [1, 3, 64])
def test_a_compiled_model_answers_over_grpc(client: Client, count: int) -> None:
    given = rows(count)
    wanted = evaluate(scorer(), given)
    answer = client.infer("scorer", given, timeout=10)
    np.testing.assert_allclose(answer["score"], wanted["score"], rtol=1e-5, atol=1e-5)
    assert answer["label"].tolist() == wanted["label"].tolist()


def test_a_compiled_model_answers_over_rest(server: RunningServer) -> None:
    given = rows(5)
    body = {
        "inputs": [
            {"name": "x", "datatype": "FP32", "shape": [5, 2], "data": given["x"].tolist()},
            {
                "name": "word",
                "datatype": "BYTES",
                "shape": [5, 1],
                "data": [word.decode() for word in given["word"].flat],
            },
        ]
    }
    request = urllib.request.Request(
        f"http://{server.rest}/v2/models/scorer/infer", json.dumps(body).encode()
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        outputs = {tensor["name"]: tensor for tensor in json.load(answer)["outputs"]}
    wanted = evaluate(scorer(), given)
    assert outputs["score"]["shape"] == [5, 2]
    np.testing.assert_allclose(
        outputs["score"]["data"], wanted["score"].flatten().tolist(), rtol=1e-5, atol=1e-5
    )
    assert outputs["label"]["data"] == [label.decode() for label in wanted["label"]]


def test_it_is_told_as_it_is_and_runs_on_the_inline_lane(
    client: Client, server: RunningServer
) -> None:
    metadata = client.model_metadata("scorer", timeout=10)
    assert metadata.platform == "native"
    assert [(t.name, t.datatype, t.shape) for t in metadata.inputs] == [
        ("x", "FP32", (-1, 2)),
        ("word", "BYTES", (-1, 1)),
    ]
    assert [(t.name, t.datatype, t.shape) for t in metadata.outputs] == [
        ("score", "FP32", (-1, 2)),
        ("label", "BYTES", (-1,)),
    ]
    lines = [line for line in server.log().splitlines() if "model_loaded" in line]
    assert any("scorer" in line and "native" in line and "inline" in line for line in lines)


def test_requests_at_a_time_get_their_own_rows(client: Client) -> None:
    model = scorer()

    def one(number: int) -> bool:
        given = rows(1 + number % 5, number)
        answer = client.infer("scorer", given, timeout=30)
        wanted = evaluate(model, given)
        return np.allclose(answer["score"], wanted["score"], rtol=1e-5, atol=1e-5) and (
            answer["label"].tolist() == wanted["label"].tolist()
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(200)))


def test_a_configuration_chooses_outputs_and_their_order(client: Client) -> None:
    given = rows(3)
    answer = client.infer("narrow", given, timeout=10)
    assert list(answer) == ["label"]
    assert answer["label"].tolist() == [[one] for one in evaluate(scorer(), given)["label"]]


def test_without_a_batch_dimension_rows_are_the_first_of_the_dims(client: Client) -> None:
    given = rows(7)
    answer = client.infer("whole", given, timeout=10)
    np.testing.assert_allclose(
        answer["score"], evaluate(scorer(), given)["score"], rtol=1e-5, atol=1e-5
    )
    with pytest.raises(InvalidArgument, match="wanted as many of each"):
        client.infer("whole", {"x": given["x"], "word": given["word"][:2]}, timeout=10)


def test_a_file_that_is_damaged_fails_its_model_with_a_sentence(server: RunningServer) -> None:
    assert "it ends after 20 bytes, inside its head" in server.log()
