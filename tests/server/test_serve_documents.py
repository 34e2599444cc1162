# SPDX-License-Identifier: Apache-2.0
"""What a live server's OpenAPI documents promise: the example request is answered as it stands."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from tests.doubles.model_files import add_identity, add_sum_and_difference
from tests.doubles.running import RunningServer

DATATYPES = [
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64",
    "FP16", "BF16", "FP32", "FP64", "STRING",
]  # fmt: skip
MODELS = ["every type", "graph", "unbatched"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    repository = tmp_path_factory.mktemp("models")
    tensors = [(f"in_{name}", f"TYPE_{name}", [2, -1]) for name in DATATYPES]
    add_identity(repository, "every type", tensors, rows_max=4)
    add_identity(repository, "unbatched", [("x", "TYPE_FP32", [3])], rows_max=0)
    add_sum_and_difference(repository, "graph")
    with RunningServer(repository, flags=("--allow-client-shm=true",)) as running:
        yield running


def asked(server: RunningServer, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        f"http://{server.rest}{path}", None if body is None else json.dumps(body).encode()
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


@pytest.mark.parametrize("model", MODELS)
def test_the_example_of_a_document_is_answered_as_the_document_says(
    server: RunningServer, model: str
) -> None:
    path = f"/v2/models/{quote(model)}"
    document = asked(server, f"{path}/openapi.json")
    validate(document)
    operation = document["paths"][f"{path}/infer"]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    answer = asked(server, f"{path}/infer", content["examples"]["zeros"]["value"])
    schema = document["components"]["schemas"]["InferResponse"]
    Draft202012Validator({**schema, "components": document["components"]}).validate(answer)


@pytest.mark.parametrize("path", ["/v2/docs", "/v2/models/graph/docs"])
def test_pages_are_served_with_their_policy(server: RunningServer, path: str) -> None:
    with urllib.request.urlopen(f"http://{server.rest}{path}", timeout=10) as answer:
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.read().startswith(b"<!doctype html>")


def test_every_path_without_a_name_of_the_servers_document_is_answered(
    server: RunningServer,
) -> None:
    document = asked(server, "/v2/openapi.json")
    validate(document)
    for path, operations in document["paths"].items():
        if "{" not in path and "get" in operations:
            with urllib.request.urlopen(f"http://{server.rest}{path}", timeout=10) as answer:
                assert answer.status == 200


def test_another_method_is_told_which_are_allowed(server: RunningServer) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        asked(server, "/v2/models/graph/config", {})
    with caught.value as error:
        assert (error.code, error.headers["allow"]) == (405, "GET")
        assert json.load(error) == {"error": "Method Not Allowed"}
