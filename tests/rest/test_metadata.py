# SPDX-License-Identifier: Apache-2.0
"""What REST says of models: the same as gRPC, and which paths are models and which are not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tritonclient.grpc as triton
from tests.doubles.model_files import add_config, add_identity
from tests.doubles.running import RunningServer
from tests.doubles.triton_models import parameter
from tests.rest.http1_peer import Answer, Http1Peer, request

NOTES = "".join(
    parameter(f"penstock.{key}", value)
    for key, value in (
        ("property.owner", "vision"),
        ("tensor.x.content_type", "np"),
        ("tensor.x.unit", "m"),
        ("tensor.x_out.content_type", "np"),
    )
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """noted, a model with notes; stats, a model with that name; broken, which never loads."""
    repository: Path = tmp_path_factory.mktemp("models")
    add_identity(repository, "noted", [("x", "TYPE_FP32", [2])], rows_max=8)
    config = repository / "noted" / "config.pbtxt"
    config.write_text(f"{config.read_text()}\n{NOTES}")
    add_identity(repository, "stats", [("x", "TYPE_FP32", [2])], rows_max=8)
    add_config(repository, "broken", 'backend: "identity"')
    with RunningServer(repository) as made:
        yield made


@pytest.fixture
def peer(server: RunningServer) -> Iterator[Http1Peer]:
    with Http1Peer(server.rest) as made:
        yield made


def got(peer: Http1Peer, path: str) -> Answer:
    peer.send(request("GET", path))
    return peer.answer()


def test_the_notes_of_a_model_are_those_that_grpc_tells(
    server: RunningServer, peer: Http1Peer
) -> None:
    told = got(peer, "/v2/models/noted").json
    assert told["properties"] == {"owner": "vision"}
    assert told["inputs"] == [
        {
            "name": "x",
            "datatype": "FP32",
            "shape": [-1, 2],
            "parameters": {"content_type": "np", "unit": "m"},
        }
    ]
    assert told["outputs"][0]["parameters"] == {"content_type": "np"}
    client: Any = triton.InferenceServerClient(server.grpc)
    assert client.get_model_metadata("noted", as_json=True)["name"] == told["name"]
    client.close()


def test_a_model_without_notes_has_none(peer: Http1Peer) -> None:
    told = got(peer, "/v2/models/stats/versions/1").json
    assert "properties" not in told
    assert "parameters" not in told["inputs"][0]


@pytest.mark.parametrize("path", ["/v2/models/stats", "/v2/models/stats?verbose=1"])
def test_the_statistics_of_all_models_have_a_path_that_no_model_takes(
    peer: Http1Peer, path: str
) -> None:
    names = {one["name"] for one in got(peer, path).json["model_stats"]}
    assert {"noted", "stats"} <= names


def test_a_model_called_stats_is_reached_by_every_longer_path(peer: Http1Peer) -> None:
    assert got(peer, "/v2/models/stats/ready").status == 200
    assert got(peer, "/v2/models/stats/versions/1").json["name"] == "stats"
    (one,) = got(peer, "/v2/models/stats/stats").json["model_stats"]
    assert one["name"] == "stats"
    assert got(peer, "/v2/models/stats/config").json["name"] == "stats"


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/v2/models/rose/ready", "Request for unknown model: 'rose' is not found"),
        ("/v2/models/noted/versions/9/ready", "this server has version 1"),
        ("/v2/models/broken/ready", "is not ready"),
        ("/v2/models/broken/versions/1/ready", "is not ready"),
    ],
)
def test_a_model_that_is_not_ready_says_why_with_tritons_status(
    peer: Http1Peer, path: str, sentence: str
) -> None:
    answer = got(peer, path)
    assert answer.status == 400
    assert sentence in answer.error


def test_a_model_that_is_ready_says_so(peer: Http1Peer) -> None:
    answer = got(peer, "/v2/models/noted/ready")
    assert (answer.status, answer.body) == (200, b'{"name":"noted","ready":true}')
