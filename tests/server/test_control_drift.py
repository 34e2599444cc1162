# SPDX-License-Identifier: Apache-2.0
"""Monitoring over REST and by the verbs that all ways to ask share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from tests.doubles.control_parts import Parts, quiet_log
from tests.doubles.drift import DRIFTED, LEARNING

from penstock.control.drift_messages import (
    status_json,
    status_message,
    status_of,
    status_of_json,
)
from penstock.control.drift_verbs import DriftVerbs
from penstock.control.openapi_server import server_document
from penstock.control.rest import RestCall
from penstock.control.rest_application import RestControl
from penstock.control.rollout_verbs import LIST_DEFAULT
from penstock.errors import MonitoringError

PLACE = "/admin/v1/drift"


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


@pytest.mark.parametrize("status", [DRIFTED, LEARNING])
def test_a_status_travels_as_a_message_and_as_json(status: Any) -> None:
    assert status_of(status_message(status)) == status
    assert status_of_json(json.loads(json.dumps(status_json(status)))) == status


def test_what_is_no_status_is_refused() -> None:
    with pytest.raises(MonitoringError, match="does not say how a version stands"):
        status_of_json({"model": 7})


def test_a_version_is_told_whole_and_fits_its_schema(parts: Parts) -> None:
    status, told = ask(parts, "/fraud", "version=2&window_s=3600")
    assert (status, parts.drift.asked) == (200, [3600])
    assert (told["model"], told["rows"], told["notes"]) == ("fraud", 1200, list(DRIFTED.notes))
    age, town = told["columns"]
    assert age["rates"] == [
        {"name": "missing", "live": 0.01, "reference": 0.0},
        {"name": "below", "live": 0.2},
    ]
    assert (town["log_e"], "onset" in town, town["unseen"]) == (
        "-Infinity",
        False,
        [{"category": "Köln", "rows": 7}],
    )
    schema_of("Drift").validate(told)
    schema_of("Drifts").validate(ask(parts, "")[1])


def test_versions_are_listed_in_short_and_bounded(parts: Parts) -> None:
    _, told = ask(parts, "", "limit=1")
    assert ([one["model"] for one in told["versions"]], told["left_out"]) == (["fraud"], 1)
    assert told["versions"][0]["columns"][0]["bins"] == []
    parts.drift.kept = [replace(LEARNING, model=f"m{n}") for n in range(LIST_DEFAULT + 2)]
    _, told = ask(parts, "")
    assert (len(told["versions"]), told["left_out"]) == (LIST_DEFAULT, 2)


def test_a_refusal_says_what_was_wanted_and_found(parts: Parts) -> None:
    assert ask(parts, "/nobody") == (404, {"error": "nobody is not watched."})
    assert ask(parts, "", "limit=1001")[0] == 400
    assert ask(parts, "/fraud", "window_s=much") == (
        400,
        {"error": "the query's 'window_s' is a number, found 'much'"},
    )
    assert ask(parts, "/fraud", "window_s=2419201") == (
        400,
        {"error": "a window may have 2419200 seconds, found window_s 2.4192e+06."},
    )
    assert ask(parts, "/fraud", method="POST")[0] == 405


def test_the_document_of_the_server_says_how_monitoring_is_asked() -> None:
    document = server_document()
    validate(document)
    assert {path for path in document["paths"] if path.startswith(PLACE)} == {
        PLACE,
        f"{PLACE}/{{model}}",
    }


def test_a_server_that_watches_nothing_says_so() -> None:
    verbs = DriftVerbs(None)
    with pytest.raises(MonitoringError, match="--monitoring off") as refused:
        asyncio.run(verbs.status("m"))
    assert refused.value.code == "UNIMPLEMENTED"
    with pytest.raises(MonitoringError, match="--monitoring off"):
        verbs.statuses()
