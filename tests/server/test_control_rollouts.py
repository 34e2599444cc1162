# SPDX-License-Identifier: Apache-2.0
"""Rollouts over REST, their messages, and what is decided once for all ways to ask."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from pydantic import BaseModel
from tests.doubles.control_parts import Parts, quiet_log
from tests.doubles.rollouts import EXAMPLE, ListedRollouts

from penstock.control.openapi_server import server_document
from penstock.control.rest import RestAnswer, RestCall
from penstock.control.rest_application import RestControl
from penstock.control.rollout_messages import (
    explanation_json,
    rollout_json,
    rollout_message,
    spec_message,
    spec_of,
)
from penstock.control.rollout_verbs import LIST_DEFAULT, LIST_MAX, RolloutVerbs, StartWish
from penstock.errors import RolloutError
from penstock.rollout.read import rollout_of, rollout_of_toml
from penstock.rollout.spec import RolloutSpec
from penstock.rollout.status import RolloutStatus
from penstock_client._proto import admin_pb2 as pb

PLACE = "/admin/v1/rollouts"
START = {"model": "m", "candidate": 2}


@pytest.fixture
def parts() -> Iterator[Parts]:
    with quiet_log() as (output, _):
        yield Parts(output)


def ask(parts: Parts, method: str, path: str, body: Any = None, query: str = "") -> RestAnswer:
    sent = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    call = RestCall(method=method, path=path, query=query, body=sent)

    async def asked() -> RestAnswer:
        return await RestControl(parts.application)(call)

    return asyncio.run(asked())


def got(parts: Parts, method: str, path: str, body: Any = None, query: str = "") -> Any:
    answer = ask(parts, method, path, body, query)
    assert answer.status in (200, 201), answer.body
    return json.loads(answer.body)


def refused(parts: Parts, method: str, path: str, body: Any = None, query: str = "") -> Any:
    answer = ask(parts, method, path, body, query)
    assert answer.status >= 400, answer.body
    return answer.status, json.loads(answer.body)["error"]


def schema_of(name: str) -> Draft202012Validator:
    document = server_document()
    schemas = document["components"]["schemas"]
    return Draft202012Validator({**schemas[name], "components": document["components"]})


# -- REST -----------------------------------------------------------------------------------------


def test_a_start_is_answered_with_the_first_state_and_where_the_rollout_is(parts: Parts) -> None:
    answer = ask(parts, "POST", PLACE, {"model": "a/b c", "candidate": 2})
    assert answer.status == 201
    place = dict(answer.headers)["location"]
    assert place == f"{PLACE}/a%2Fb%20c"
    assert json.loads(answer.body) == got(parts, "GET", place)
    assert json.loads(answer.body)["state"] == "shadow"


def test_the_spec_of_a_start_is_an_object_or_a_text_of_toml(parts: Parts) -> None:
    spec = {"dwell_s": 5, "holdout": {"salt": 2**64 - 1}, "shadow": None}
    told = got(parts, "POST", PLACE, {**START, "stable": 1, "spec": spec})
    assert rollout_of(told["spec"]) == rollout_of(spec)
    toml = "dwell_s = 5\nshadow = false\n[holdout]\nsalt = 18446744073709551615"
    other = got(parts, "POST", PLACE, {"model": "n", "candidate": 2, "spec_toml": toml})
    assert other["spec"] == told["spec"]
    assert parts.rollouts.asked == [("start", "m", "2", "1"), ("start", "n", "2", "None")]
    again = got(parts, "POST", PLACE, {"model": "o", "candidate": 2, "spec": other["spec"]})
    assert again["spec"] == other["spec"]


def test_a_rollout_is_told_whole_and_fits_its_schema(parts: Parts) -> None:
    got(parts, "POST", PLACE, START)
    parts.rollouts.step("m", "rolled_back")
    told = got(parts, "GET", f"{PLACE}/m")
    assert told["evidence"]["epochs"][1]["arms"]["canary"]["bad"] == {"error": 9, "timeout": 1}
    assert told["evidence"]["verdict"]["cause"] == "evidence"
    assert told["guardrails"][2]["ratio_high"] == "Infinity"
    assert told["started_ms"] == parts.rollouts.kept[0].started_ms
    assert told["log"][-1]["state"] == told["state"] == "rolled_back"
    schema_of("Rollout").validate(told)
    schema_of("Rollouts").validate(got(parts, "GET", PLACE))


def test_detail_of_shadows_is_told(parts: Parts) -> None:
    got(parts, "POST", PLACE, START)
    parts.rollouts.step("m", "canary")
    (shadow,) = got(parts, "GET", f"{PLACE}/m")["evidence"]["shadows"]
    assert shadow["both_failed"] == 3
    assert sum(shadow["latency_ratio"]) == 3_040
    score = shadow["outputs"][0]
    assert (score["identical"], score["argmax_agreed"], score["mismatched"]["nan"]) == (
        9_001,
        4_635,
        1,
    )
    assert score["relative"][38] == 25
    assert score["flips"] == [
        {"primary": 0, "shadow": 0, "rows": 3_000},
        {"primary": 0, "shadow": 1, "rows": 5},
        {"primary": 1, "shadow": 1, "rows": 1_635},
    ]
    assert score["total_variation"] == 0.0004
    amount, age = shadow["worst"]
    assert (amount["column"], amount["low"], "high" in amount) == ("amount[3]", 512.5, False)
    assert (age["is_missing"], "low" in age) == (True, False)


def test_examples_are_told_newest_first_and_as_many_as_an_answer_takes(parts: Parts) -> None:
    got(parts, "POST", PLACE, START)
    kept = parts.rollouts.examples_kept["m-1"] = [EXAMPLE] * 25
    place = f"{PLACE}/m/examples"
    told = got(parts, "GET", place)
    assert (told["rollout"], len(told["examples"]), told["left_out"]) == ("m-1", 20, 5)
    assert told["examples"][0]["key_hash"] == "07c7024f00000001"
    assert told["examples"][0]["pair"]["inputs"][1] == {
        "name": "name",
        "datatype": "BYTES",
        "shape": [1, 1],
        "sensitive": True,
    }
    schema_of("Examples").validate(told)
    assert got(parts, "GET", place, query="limit=400&rollout=m-1")["left_out"] == 0
    large = replace(EXAMPLE, pair_json=json.dumps({"inputs": "x" * 600_000}))
    kept[:] = [large] * 3
    told = got(parts, "GET", place)
    assert (len(told["examples"]), told["left_out"]) == (1, 2)
    assert refused(parts, "GET", place, query="limit=401") == (
        400,
        "a list has at most 400 examples, found limit 401.",
    )
    assert refused(parts, "GET", f"{PLACE}/n/examples")[0] == 404


def test_verbs_move_a_rollout(parts: Parts) -> None:
    got(parts, "POST", PLACE, START)
    assert got(parts, "POST", f"{PLACE}/m/pause")["is_paused"] is True
    assert got(parts, "POST", f"{PLACE}/m/resume", {"rollout": "m-1"})["is_paused"] is False
    assert got(parts, "POST", f"{PLACE}/m/promote", {})["state"] == "live"
    got(parts, "POST", PLACE, START)
    told = got(parts, "POST", f"{PLACE}/m/rollback", {"reason": "prices are odd"})
    assert (told["state"], told["why"]) == ("rolled_back", "prices are odd")
    assert parts.rollouts.asked[1:] == [
        ("pause", "m"),
        ("resume", "m"),
        ("promote", "m"),
        ("start", "m", "2", "None"),
        ("roll_back", "m", "prices are odd"),
    ]


def test_a_verb_that_means_another_rollout_is_refused(parts: Parts) -> None:
    got(parts, "POST", PLACE, START)
    for verb in ("promote", "pause", "resume", "rollback"):
        status, why = refused(parts, "POST", f"{PLACE}/m/{verb}", {"rollout": "m-0"})
        assert (status, why) == (
            400,
            "m: wanted its rollout m-0, found that m-1 is the one by now.",
        )
    assert len(parts.rollouts.asked) == 1


def test_lists_are_filtered_and_bounded(parts: Parts) -> None:
    for number in range(3):
        got(parts, "POST", PLACE, {"model": f"m{number}", "candidate": 2})
    parts.rollouts.step("m1", "live")

    def listed(query: str) -> list[str]:
        return [one["model"] for one in got(parts, "GET", PLACE, query=query)["rollouts"]]

    assert listed("") == ["m2", "m1", "m0"]
    assert listed("ongoing_only=true") == ["m2", "m0"]
    assert listed("model=m0&limit=0") == ["m0"]
    assert listed("limit=1") == ["m2"]


def test_an_earlier_rollout_is_told_by_its_id(parts: Parts) -> None:
    got(parts, "POST", PLACE, START)
    got(parts, "POST", f"{PLACE}/m/promote")
    got(parts, "POST", PLACE, START)
    assert got(parts, "GET", f"{PLACE}/m")["id"] == "m-2"
    assert got(parts, "GET", f"{PLACE}/m", query="rollout=m-1")["state"] == "live"
    assert got(parts, "GET", f"{PLACE}/m/explain", query="rollout=m-1")["rollout"] == "m-1"


@pytest.mark.parametrize(
    ("method", "path", "body", "query", "status", "why"),
    [
        ("GET", "/m", None, "", 404, "m: there is no rollout."),
        ("POST", "/m/promote", None, "", 404, "m: there is no rollout."),
        ("POST", "", {"model": "none", "candidate": 2}, "", 404, "there is no model 'none'."),
        ("POST", "", {"model": "", "candidate": 2}, "", 400,
         "a rollout wants the name of a model, found none."),
        ("POST", "", {"model": "m", "candidate": 0}, "", 400,
         "a rollout wants the number of a version as its candidate, found 0."),
        ("POST", "", {"model": "m", "candidate": 3}, "", 400,
         "m: the signature of version 3 is another one: output y: FP32[2], was FP32[3]. Wanted "
         "the same, or a start that allows it."),
        ("POST", "", {"model": "m"}, "", 400,
         "attempt to access non-existing object member 'candidate'"),
        ("POST", "", {**START, "spec": {"dwell_s": -1}}, "", 400,
         "spec: dwell_s: wanted a number greater than 0, found -1."),
        ("POST", "", {**START, "spec_toml": "dwell = 1"}, "", 400,
         "spec_toml: dwell: there is no such key; docs/rollouts.md lists them."),
        ("POST", "", {**START, "spec": {}, "spec_toml": ""}, "", 400,
         "a start wants either 'spec' or 'spec_toml', found both"),
        ("POST", "", {**START, "version": 2}, "", 400,
         "the request JSON has a member 'version': wanted allows_signature_change, candidate, "
         "model, spec, spec_toml, stable"),
        ("GET", "", None, "limit=1001", 400, "a list has at most 1000 rollouts, found limit 1001."),
        ("GET", "", None, "limit=-1", 400, "the query's 'limit' is a whole number, found '-1'"),
        ("GET", "", None, "ongoing_only=yes", 400,
         "the query's 'ongoing_only' is true or false, found 'yes'"),
        ("GET", "", None, "state=live", 400,
         "the query has no parameter 'state' here: wanted model, ongoing_only, limit"),
        ("GET", "", None, "model=a&model=b", 400, "the query has no parameter 'model' twice"),
        ("DELETE", "/m", None, "", 405, "Method Not Allowed"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_was_wanted_and_found(
    parts: Parts, method: str, path: str, body: Any, query: str, status: int, why: str
) -> None:
    assert refused(parts, method, PLACE + path, body, query) == (status, why)


def test_a_reason_is_bounded(parts: Parts) -> None:
    got(parts, "POST", PLACE, START)
    assert refused(parts, "POST", f"{PLACE}/m/rollback", {"reason": "x" * 1001}) == (
        400,
        "a reason may have 1000 characters, found 1001.",
    )


def test_a_second_rollout_of_a_model_is_refused(parts: Parts) -> None:
    got(parts, "POST", PLACE, START)
    assert refused(parts, "POST", PLACE, START) == (400, "m: a rollout goes on.")


def test_the_document_of_the_server_says_how_rollouts_are_asked() -> None:
    document = server_document()
    validate(document)
    assert {path for path in document["paths"] if path.startswith(PLACE)} == {
        PLACE,
        f"{PLACE}/{{model}}",
        *(f"{PLACE}/{{model}}/{verb}" for verb in ("promote", "pause", "resume", "rollback")),
        f"{PLACE}/{{model}}/explain",
        f"{PLACE}/{{model}}/examples",
    }
    start = schema_of("RolloutStart")
    start.validate({**START, "spec": RolloutSpec().model_dump(mode="json")})
    start.validate({**START, "spec": {"shadow": False}})
    assert not start.is_valid({**START, "spec": {"dwell_s": 0}})
    assert not start.is_valid({"model": "m"})


# -- messages -------------------------------------------------------------------------------------


def test_the_message_of_a_spec_has_the_keys_of_the_file() -> None:
    assert _keys(pb.RolloutSpec.DESCRIPTOR) - {"skips_shadow"} == _model_keys(RolloutSpec)


def _keys(descriptor: Any, above: str = "") -> set[str]:
    found = set()
    for one in descriptor.fields:
        found |= {above + one.name}
        if one.type == FieldDescriptor.TYPE_MESSAGE:
            found |= _keys(one.message_type, f"{above}{one.name}.")
    return found


def _model_keys(model: type[BaseModel], above: str = "") -> set[str]:
    found = set()
    for name, one in model.model_fields.items():
        found |= {above + name}
        for inner in (one.annotation, *getattr(one.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                found |= _model_keys(inner, f"{above}{name}.")
    return found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "shadow = false\nidempotent = true\nstages_bp = [1, 10000]",
        "[holdout]\nsalt = 18446744073709551615\nshare_bp = 1",
        '[[overrides]]\narm = "canary"\nkey = ""\n'
        '[[overrides]]\narm = "stable"\nsha256 = "' + "0" * 64 + '"',
        '[guardrails.latency]\nslo_ms = 0.1\n[guardrails.predictions]\noutput = "y"\nedges = [-1]',
        '[shadow]\nversion = 7\nsensitive = ["a"]\nabsolute = 0.0',
    ],
)  # fmt: skip
def test_a_spec_travels_as_a_message(text: str) -> None:
    spec = rollout_of_toml(text)
    message = spec_message(spec.model_dump(mode="json"))
    assert spec_of(pb.RolloutSpec.FromString(message.SerializeToString())) == spec


def test_what_is_absent_of_a_message_is_the_default() -> None:
    assert spec_of(pb.RolloutSpec()) == RolloutSpec()
    assert spec_of(pb.RolloutSpec(dwell_s=1.5)).dwell_s == 1.5
    with pytest.raises(RolloutError, match=r"^spec: dwell_s: wanted a number greater than 0"):
        spec_of(pb.RolloutSpec(dwell_s=0))


def test_the_json_of_a_status_is_that_of_its_message_but_for_the_spec(parts: Parts) -> None:
    asyncio.run(parts.rollouts.start("m", 2))
    status = parts.rollouts.step("m", "canary")
    told = rollout_json(status)
    assert told.keys() <= set(rollout_message(status).DESCRIPTOR.fields_by_name)
    assert "ended_ms" not in told
    assert rollout_of(told["spec"]) == RolloutSpec()


def test_an_explanation_is_json_whatever_its_numbers() -> None:
    told = {"a": [math.inf, -math.inf, math.nan, 1.5, 2**64 - 1], "b": {"c": None, "d": (True,)}}
    assert json.loads(explanation_json(told)) == {
        "a": ["Infinity", "-Infinity", "NaN", 1.5, 2**64 - 1],
        "b": {"c": None, "d": [True]},
    }


# -- verbs ----------------------------------------------------------------------------------------


async def watched(verbs: RolloutVerbs, pauses: list[float], **how: Any) -> list[RolloutStatus]:
    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    return [one async for one in verbs.watch("m", pause=pause, **how)]


def test_a_watch_tells_each_change_once_and_ends_with_the_rollout() -> None:
    control = ListedRollouts()
    verbs = RolloutVerbs(control)
    asyncio.run(verbs.start(StartWish(model="m", candidate=2)))
    control.ahead["m"] = ["shadow", "canary", "canary", "live"]
    pauses: list[float] = []
    found = asyncio.run(watched(verbs, pauses, interval_ms=250))
    assert [one.state for one in found] == ["shadow", "canary", "canary", "live"]
    assert pauses == [0.25] * 3


def test_a_watch_is_silent_while_nothing_changes() -> None:
    control = ListedRollouts()
    verbs = RolloutVerbs(control)
    asyncio.run(verbs.start(StartWish(model="m", candidate=2)))
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 5:
            control.step("m", "rolled_back")

    async def look() -> list[str]:
        return [one.state async for one in verbs.watch("m", pause=pause)]

    assert asyncio.run(look()) == ["shadow", "rolled_back"]
    assert pauses == [1.0] * 5


def test_a_watch_stays_with_its_rollout() -> None:
    control = ListedRollouts()
    verbs = RolloutVerbs(control)
    asyncio.run(verbs.start(StartWish(model="m", candidate=2)))

    async def pause(_: float) -> None:
        control.step("m", "live")
        await control.start("m", 2)

    async def look() -> list[str]:
        return [one.id async for one in verbs.watch("m", pause=pause)]

    assert asyncio.run(look()) == ["m-1", "m-1"]


def test_the_pace_of_a_watch_is_bounded() -> None:
    with pytest.raises(RolloutError, match="may answer every 100 ms, found interval_ms 99"):
        asyncio.run(watched(RolloutVerbs(ListedRollouts()), [], interval_ms=99))


def test_a_list_has_a_default_and_a_bound() -> None:
    control = ListedRollouts()
    verbs = RolloutVerbs(control)
    for number in range(LIST_DEFAULT + 1):
        asyncio.run(verbs.start(StartWish(model=f"m{number}", candidate=2)))
    assert len(verbs.statuses()) == LIST_DEFAULT
    assert len(verbs.statuses(limit=LIST_MAX)) == LIST_DEFAULT + 1


def test_a_server_without_rollouts_says_so() -> None:
    verbs = RolloutVerbs(None)
    calls: Mapping[str, Any] = {
        "status": lambda: verbs.status("m"),
        "statuses": verbs.statuses,
        "explain": lambda: asyncio.run(verbs.explain("m")),
        "examples": lambda: asyncio.run(verbs.examples("m")),
        "start": lambda: asyncio.run(verbs.start(StartWish(model="m", candidate=2))),
        "promote": lambda: asyncio.run(verbs.promote("m")),
        "pause": lambda: asyncio.run(verbs.pause("m", is_paused=True)),
        "roll_back": lambda: asyncio.run(verbs.roll_back("m")),
        "watch": lambda: asyncio.run(watched(verbs, [])),
    }
    for call in calls.values():
        with pytest.raises(RolloutError, match="this server runs no rollouts") as caught:
            call()
        assert caught.value.code == "UNIMPLEMENTED"
