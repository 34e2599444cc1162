# SPDX-License-Identifier: Apache-2.0
"""Each gRPC status is one exact class, and the tree is the one that errors.py draws."""

from __future__ import annotations

import re

import grpc
import numpy as np
import pytest
from tests.client.conftest import ClientFactory
from tests.doubles.v2_server import V2Server, failing

import penstock_client
from penstock_client import PenstockError, errors

CODES = [code.name for code in grpc.StatusCode if code is not grpc.StatusCode.OK]


@pytest.mark.parametrize("code", CODES)
def test_a_status_becomes_its_own_class(
    server: V2Server, make_client: ClientFactory, code: str
) -> None:
    server.models["failing"] = failing(code, "input 'x': wanted FP32, got INT8 — ü")
    client = make_client(server.address, retry=None)
    with pytest.raises(PenstockError) as caught:
        client.infer("failing", {"x": np.ones(1)})
    error = caught.value
    name = code.title().replace("_", "")
    assert type(error) is getattr(penstock_client, name)
    assert error.code == code
    assert error.why == "input 'x': wanted FP32, got INT8 — ü"
    assert error.endpoint == server.address
    assert error.attempts == 1
    assert str(error) == f"{error.why} [{code} from {server.address}]"


def test_an_error_carries_the_trailing_metadata(
    server: V2Server, make_client: ClientFactory
) -> None:
    def fail(request: object, context: grpc.ServicerContext) -> None:
        context.set_trailing_metadata((("penstock-reason", "no file"),))
        context.abort(grpc.StatusCode.NOT_FOUND, "gone")

    server.models["failing"] = fail  # type: ignore[assignment]
    with pytest.raises(PenstockError) as caught:
        make_client(server.address).infer("failing", {})
    assert ("penstock-reason", "no file") in caught.value.trailing_metadata


def test_a_code_that_grpc_may_invent_later_is_unknown() -> None:
    assert errors.error_class("BRAND_NEW") is errors.Unknown


def test_every_class_is_drawn_in_the_tree_and_exported() -> None:
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")
    made = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, PenstockError)
    }
    assert {*drawn, "PenstockError"} == made
    assert made == set(errors.__all__) - {"error_class"}
    assert made <= set(penstock_client.__all__)


def test_indented_classes_inherit_from_the_one_above() -> None:
    assert issubclass(errors.ClientClosed, errors.FailedPrecondition)
    assert issubclass(errors.MalformedResponse, errors.Internal)
