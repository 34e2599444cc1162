# SPDX-License-Identifier: Apache-2.0
"""Headers that match the server's patterns are parameters to a model that sees requests."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
from tests.doubles.h2_peer import H2Peer
from tests.doubles.model_files import add_identity
from tests.doubles.running import RunningServer
from tests.doubles.triton_models import add_triton, isolation
from tests.rest.http1_peer import Http1Peer, infer_body, request

# What each request says beside its tensors, as the model is told.
TELLS = """
class TritonPythonModel:
    def execute(self, requests):
        return [
            pb_utils.InferenceResponse([pb_utils.Tensor(
                "told", np.array([[request.parameters()]], dtype=object))])
            for request in requests
        ]
"""
TOLD = [("told", "TYPE_STRING", [1])]

FLAGS = (
    "--grpc-header-forward-pattern=^X-|^timeout$",
    "--http-header-forward-pattern=^X-|^triton_",
)

#: Where bounds of serving/forwarded_headers.h end.
HEADERS_MAX = 64
BYTES_MAX = 8 << 10


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """tells, and the same isolated; echo, which sees no requests."""
    repository = tmp_path_factory.mktemp("models")
    for name, kind in (("tells", "none"), ("tells_isolated", "process")):
        add_triton(
            repository, name, TELLS, f"max_batch_size: 4 {isolation(kind)}", outputs=TOLD,
            inputs=[("x", "TYPE_FP32", [1])],
        )  # fmt: skip
    add_identity(repository, "echo", [("x", "TYPE_FP32", [1])], rows_max=4)
    with RunningServer(repository, flags=FLAGS) as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Any]:
    made = triton.InferenceServerClient(server.grpc)
    yield made
    made.close()


def told_by_grpc(
    client: Any, headers: dict[str, str], model: str = "tells", **more: Any
) -> dict[str, Any]:
    x = triton.InferInput("x", [1, 1], "FP32")
    x.set_data_from_numpy(np.ones((1, 1), np.float32))
    answer = client.infer(model, [x], headers=headers, **more)
    told: dict[str, Any] = json.loads(answer.as_numpy("told")[0, 0])
    return told


def told_by_rest(
    peer: Http1Peer, headers: list[tuple[str, str]], model: str = "tells", **more: Any
) -> dict[str, Any]:
    body = infer_body([1], shape=[1, 1], **more)
    peer.send(request("POST", f"/v2/models/{model}/infer", body, headers))
    answer = peer.answer()
    assert answer.status == 200, answer.body
    told: dict[str, Any] = json.loads(answer.json["outputs"][0]["data"][0])
    return told


@pytest.mark.parametrize("model", ["tells", "tells_isolated"])
def test_metadata_that_match_are_parameters(client: Any, model: str) -> None:
    sent = {"x-user": 'a "b"', "x-empty": "", "y-user": "no", "prefix-x-": "no"}
    assert told_by_grpc(client, sent, model) == {"x-user": 'a "b"', "x-empty": ""}


@pytest.mark.parametrize("model", ["tells", "tells_isolated"])
def test_fields_of_http11_that_match_are_parameters_with_lower_case_names(
    server: RunningServer, model: str
) -> None:
    sent = [
        ("X-User", "a"),
        ("Accept", "*/*"),
        ("x-other", "b c"),
        ("X-Utf8", "dà".encode().decode("latin-1")),
    ]
    with Http1Peer(server.rest) as peer:
        wanted = {"x-user": "a", "x-other": "b c", "x-utf8": "dà"}
        assert told_by_rest(peer, sent, model) == wanted
        # The next request on the connection begins anew.
        assert told_by_rest(peer, [("x-second", "2")], model) == {"x-second": "2"}
        assert told_by_rest(peer, [], model) == {}


def test_fields_of_http2_that_match_are_parameters(server: RunningServer) -> None:
    fields = [("x-user", "a"), ("accept", "*/*")]
    with H2Peer(server.rest) as peer:
        stream = peer.open("/v2/models/tells/infer", fields, content_type="application/json")
        peer.send(stream, infer_body([1], shape=[1, 1]), is_last=True)
        peer.wait_for(stream)
    told = json.loads(json.loads(stream.body)["outputs"][0]["data"][0])
    assert told == {"x-user": "a"}


def test_fields_of_a_v1_predict_that_match_are_parameters(server: RunningServer) -> None:
    with Http1Peer(server.rest) as peer:
        body = b'{"instances": [[1]]}'
        peer.send(request("POST", "/v1/models/tells:predict", body, [("x-user", "a")]))
        answer = peer.answer()
    assert json.loads(answer.json["predictions"][0][0]) == {"x-user": "a"}


def test_a_header_comes_after_the_requests_own_parameters_and_the_last_of_a_name_counts(
    server: RunningServer, client: Any
) -> None:
    own = {"x-user": "own", "n": 3}
    told = told_by_grpc(client, {"x-user": "header"}, parameters=own)
    assert told == {"x-user": "header", "n": 3}
    with Http1Peer(server.rest) as peer:
        sent = [("x-user", "first"), ("x-user", "last")]
        assert told_by_rest(peer, sent, parameters=own) == {"x-user": "last", "n": 3}


def test_a_header_with_a_reserved_name_is_nothing_but_a_text(
    server: RunningServer, client: Any
) -> None:
    """As in Triton, where only parameters of the message itself are acted on."""
    assert told_by_grpc(client, {"timeout": "soon"}) == {"timeout": "soon"}
    with Http1Peer(server.rest) as peer:
        assert told_by_rest(peer, [("triton_x", "1")]) == {"triton_x": "1"}


def test_binary_metadata_are_not_forwarded(server: RunningServer) -> None:
    client = triton.InferenceServerClient(server.grpc)
    assert told_by_grpc(client, {"x-raw-bin": b"\xff", "x-a": "1"}) == {"x-a": "1"}  # type: ignore[dict-item]
    client.close()


def test_a_value_that_is_not_utf8_is_refused_where_a_model_would_be_told(
    server: RunningServer,
) -> None:
    with Http1Peer(server.rest) as peer:
        body = infer_body([1], shape=[1, 1])
        sent = [("x-place", "caf\xe9")]
        peer.send(request("POST", "/v2/models/tells/infer", body, sent))
        refused = peer.answer()
        assert (refused.status, refused.error) == (
            400,
            'header "x-place" is forwarded to the model as a parameter, and must be UTF-8 for it',
        )
        peer.send(request("POST", "/v2/models/echo/infer", body, sent))
        assert peer.answer().status == 200


def test_what_is_forwarded_is_bounded_in_number_and_in_bytes(
    server: RunningServer, client: Any
) -> None:
    many = [(f"x-{number}", "v") for number in range(HEADERS_MAX)]
    with Http1Peer(server.rest) as peer:
        assert told_by_rest(peer, many) == dict(many)
        body = infer_body([1], shape=[1, 1])
        peer.send(request("POST", "/v2/models/tells/infer", body, [*many, ("x-one-more", "")]))
        refused = peer.answer()
        assert refused.status == 431
        assert "64 of 8192 bytes together" in refused.error
    most = "v" * (BYTES_MAX - len("x-a"))
    assert told_by_grpc(client, {"x-a": most}) == {"x-a": most}
    with pytest.raises(triton.InferenceServerException, match="narrow the pattern") as told:
        told_by_grpc(client, {"x-a": most + "v"})
    assert told.value.status() == "StatusCode.RESOURCE_EXHAUSTED"


def test_without_a_pattern_no_header_is_a_parameter(tmp_path: Path) -> None:
    add_triton(
        tmp_path, "tells", TELLS, "max_batch_size: 4", outputs=TOLD,
        inputs=[("x", "TYPE_FP32", [1])],
    )  # fmt: skip
    with RunningServer(tmp_path) as server, Http1Peer(server.rest) as peer:
        assert told_by_rest(peer, [("x-user", "a")]) == {}
        client = triton.InferenceServerClient(server.grpc)
        assert told_by_grpc(client, {"x-user": "a"}) == {}
        client.close()


@pytest.mark.parametrize("flag", ["--grpc-header-forward-pattern", "--http-header-forward-pattern"])
def test_a_pattern_that_is_no_expression_stops_the_start_with_one_sentence(
    tmp_path: Path, flag: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "penstock", "serve", f"--model-repository={tmp_path}",
         "--grpc-port=0", "--http-port=0", "--metrics-port=0", f"{flag}=x-("],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    sentence = f'{flag}: "x-(" is no regular expression as RE2 has them: missing ): x-('
    assert sentence in " ".join(done.stderr.split())
