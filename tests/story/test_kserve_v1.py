# SPDX-License-Identifier: Apache-2.0
"""KServe's first protocol by plain HTTP, and the bodies of health that its client reads."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.doubles.running import RunningServer

Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def ask(triton_server: RunningServer) -> Iterator[Ask]:
    """Status and JSON of an answer; with a body, of a POST."""
    connection = http.client.HTTPConnection(triton_server.rest, timeout=30)

    def asked(path: str, body: Any = None) -> tuple[int, Any]:
        if body is None:
            connection.request("GET", path)
        else:
            sent = json.dumps(body).encode()
            connection.request("POST", path, sent, {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    yield asked
    connection.close()


def test_health_says_so_in_its_body_as_well(ask: Ask) -> None:
    assert ask("/v2/health/live") == (200, {"live": True})
    assert ask("/v2/health/ready") == (200, {"ready": True})
    assert ask("/v2/models/affine/ready") == (200, {"name": "affine", "ready": True})
    status, told = ask("/v2/models/rose/ready")
    assert status == 400
    assert "Request for unknown model: 'rose'" in told["error"]


def test_the_first_protocol_tells_who_can_be_asked(ask: Ask) -> None:
    assert ask("/") == (200, {"status": "alive"})
    status, told = ask("/v1/models")
    assert status == 200
    assert {"affine", "simple"} <= set(told["models"])
    assert ask("/v1/models/affine") == (200, {"name": "affine", "ready": True})
    status, told = ask("/v1/models/rose")
    assert status == 404
    assert "Request for unknown model: 'rose'" in told["error"]


def test_rows_and_columns_are_predicted(ask: Ask) -> None:
    predict = "/v1/models/affine:predict"
    assert ask(predict, {"instances": [[1, 2, 3]]}) == (200, {"predictions": [[5, 7, 9]]})
    assert ask(predict, {"inputs": [[1, 2, 3]]}) == (200, {"outputs": [[5, 7, 9]]})
    versioned = "/v1/models/affine/versions/1:predict"
    assert ask(versioned, {"instances": [[1, 2, 3]]}) == (200, {"predictions": [[3, 5, 7]]})
    named = {"instances": [{"a": [1, 2], "b": [3, 4]}]}
    told = {"predictions": [{"total": [4, 6], "gap": [-2, -2]}]}
    assert ask("/v1/models/simple:predict", named) == (200, told)


@pytest.mark.parametrize("body", [{}, {"instances": []}, {"instances": [[1, 2]]}, []])
def test_what_cannot_be_predicted_is_told(ask: Ask, body: Any) -> None:
    status, told = ask("/v1/models/affine:predict", body)
    assert status == 400
    assert told["error"]


def test_an_unknown_model_predicts_nothing(ask: Ask) -> None:
    status, told = ask("/v1/models/rose:predict", {"instances": [[1, 2, 3]]})
    assert status == 404
    assert "Request for unknown model: 'rose' is not found" in told["error"]
