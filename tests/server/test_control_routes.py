# SPDX-License-Identifier: Apache-2.0
"""Routes over REST and by the verbs that all ways to ask share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from tests.doubles.control_parts import Parts, quiet_log
from tests.doubles.routes import OF_FILE, PINNED, ListedRoutes

from penstock.control.openapi_server import server_document
from penstock.control.rest import RestCall
from penstock.control.rest_application import RestControl
from penstock.control.rollout_verbs import LIST_DEFAULT
from penstock.control.route_verbs import RouteVerbs
from penstock.errors import ControlError, PenstockError

PLACE = "/admin/v1/routes"


@pytest.fixture
def parts() -> Iterator[Parts]:
    with quiet_log() as (output, _):
        yield Parts(output)


def ask(parts: Parts, path: str, query: str = "", method: str = "GET") -> tuple[int, Any]:
    call = RestCall(method=method, path=PLACE + path, query=query, body=b"")

    async def asked() -> Any:
        return await RestControl(parts.application)(call)

    answer = asyncio.run(asked())
    return answer.status, json.loads(answer.body)


def schema_of(name: str) -> Draft202012Validator:
    document = server_document()
    schemas = document["components"]["schemas"]
    return Draft202012Validator({**schemas[name], "components": document["components"]})


def test_a_route_is_told_whole_and_fits_its_schema(parts: Parts) -> None:
    status, told = ask(parts, "/fraud")
    assert status == 200
    assert (told["origin"], told["sticky_name"], told["overrides"]) == ("file", "x-user", 2)
    first, second = told["arms"]
    assert first == {"name": "a", "model": "fraud", "version": 7, "share_bp": 9_000}
    assert second == {"name": "b", "model": "fraud-trees", "share_bp": 1_000}
    (shadow,) = told["shadows"]
    assert (shadow["sample_bp"], shadow["counts"]["compared"]) == (500, 4_640)
    assert shadow["counts"]["outputs"][0]["argmax_agreed"] == 4_635
    schema_of("Route").validate(told)
    schema_of("Routes").validate(ask(parts, "")[1])
    schema_of("Examples").validate(ask(parts, "/fraud/examples")[1])


def test_routes_are_listed_and_bounded(parts: Parts) -> None:
    _, told = ask(parts, "")
    assert ([one["model"] for one in told["routes"]], told["left_out"]) == (["fraud", "prices"], 0)
    _, told = ask(parts, "", "limit=1")
    assert ([one["model"] for one in told["routes"]], told["left_out"]) == (["fraud"], 1)
    parts.routes.kept = [replace(PINNED, model=f"m{n}") for n in range(LIST_DEFAULT + 2)]
    _, told = ask(parts, "")
    assert (len(told["routes"]), told["left_out"]) == (LIST_DEFAULT, 2)


def test_examples_of_a_route_are_of_no_rollout(parts: Parts) -> None:
    _, told = ask(parts, "/fraud/examples", "limit=3")
    assert (told["rollout"], len(told["examples"]), told["left_out"]) == ("", 1, 0)
    assert told["examples"][0]["pair"]["request_id"] == "r-17"
    assert ask(parts, "/prices/examples")[1]["examples"] == []


def test_a_refusal_says_what_was_wanted_and_found(parts: Parts) -> None:
    assert ask(parts, "/nobody") == (404, {"error": "'nobody' has no route."})
    assert ask(parts, "/nobody/examples")[0] == 404
    assert ask(parts, "", "limit=1001") == (
        400,
        {"error": "a list has at most 1000 routes, found limit 1001."},
    )
    assert ask(parts, "/fraud/examples", "limit=401")[0] == 400
    assert ask(parts, "/fraud", method="POST")[0] == 405


def test_the_document_of_the_server_says_how_routes_are_asked() -> None:
    document = server_document()
    validate(document)
    assert {path for path in document["paths"] if path.startswith(PLACE)} == {
        PLACE,
        f"{PLACE}/{{model}}",
        f"{PLACE}/{{model}}/examples",
    }


def test_a_server_without_routes_says_so() -> None:
    verbs = RouteVerbs(None)
    calls: tuple[Callable[[], Any], ...] = (
        lambda: verbs.status("m"),
        verbs.statuses,
        lambda: verbs.examples("m"),
    )
    for call in calls:
        with pytest.raises(ControlError, match="this server has no routes") as caught:
            call()
        assert caught.value.code == "UNIMPLEMENTED"


def test_a_route_wants_a_model() -> None:
    verbs = RouteVerbs(ListedRoutes(kept=[OF_FILE]))
    for ask_it in (verbs.status, verbs.examples):
        with pytest.raises(PenstockError, match="wants the name of a model, found none"):
            ask_it("")
