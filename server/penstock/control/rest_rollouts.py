# SPDX-License-Identifier: Apache-2.0
"""Rollouts over REST: calls in, answers out."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

from penstock.control.json_body import JsonObject, parsed_object
from penstock.control.rest import RestAnswer, RestCall
from penstock.control.rest_answers import EMPTY, json_answer, optional_object
from penstock.control.rollout_messages import explanation_json, rollout_json
from penstock.control.rollout_verbs import RolloutVerbs, StartWish
from penstock.control.shadow_messages import examples_json
from penstock.errors import ControlError
from penstock.rollout.read import rollout_of, rollout_of_toml
from penstock.rollout.spec import RolloutSpec
from penstock.rollout.status import RolloutStatus

__all__ = ["RestRollouts"]

PLACE = "/admin/v1/rollouts"
CREATED = 201
START_MEMBERS = frozenset(
    {"model", "candidate", "stable", "spec", "spec_toml", "allows_signature_change"}
)
FLAGS = {"true": True, "false": False}


class RestRollouts:
    """Answers the routes in `routes`; a refusal is raised. Lives on the control thread's loop."""

    def __init__(self, verbs: RolloutVerbs) -> None:
        self._verbs = verbs
        self.routes: dict[str, Callable[[RestCall, Mapping[str, str]], Awaitable[RestAnswer]]] = {
            "rollouts": self._all,
            "rollout": self._one,
            "rollout_promote": self._promote,
            "rollout_pause": self._pause,
            "rollout_resume": self._resume,
            "rollout_rollback": self._roll_back,
            "rollout_explain": self._explain,
            "rollout_examples": self._examples,
        }

    async def _all(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        if call.method == "POST":
            return await self._start(call)
        asked = _query(call, "model", "ongoing_only", "limit")
        found = self._verbs.statuses(
            asked.get("model", ""),
            ongoing_only=_flag(asked, "ongoing_only"),
            limit=_number(asked, "limit"),
        )
        return json_answer({"rollouts": [rollout_json(one) for one in found]})

    async def _start(self, call: RestCall) -> RestAnswer:
        body = parsed_object(call.body)
        _only(body, START_MEMBERS)
        wish = StartWish(
            model=body.text("model"),
            candidate=body.unsigned("candidate"),
            stable=body.unsigned("stable") if "stable" in body else 0,
            spec=_spec(body),
            allows_signature_change="allows_signature_change" in body
            and body.flag("allows_signature_change"),
        )
        status = await self._verbs.start(wish)
        place = f"{PLACE}/{quote(status.model, safe='')}"
        return json_answer(rollout_json(status), ("location", place), status=CREATED)

    async def _one(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        asked = _query(call, "rollout")
        return _told(self._verbs.status(names["model"], asked.get("rollout", "")))

    async def _promote(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        body = _body(call, "rollout")
        return _told(await self._verbs.promote(names["model"], _text(body, "rollout")))

    async def _pause(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        return await self._paused(call, names, is_paused=True)

    async def _resume(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        return await self._paused(call, names, is_paused=False)

    async def _paused(
        self, call: RestCall, names: Mapping[str, str], *, is_paused: bool
    ) -> RestAnswer:
        rollout = _text(_body(call, "rollout"), "rollout")
        return _told(await self._verbs.pause(names["model"], rollout, is_paused=is_paused))

    async def _roll_back(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        body = _body(call, "rollout", "reason")
        status = await self._verbs.roll_back(
            names["model"], _text(body, "rollout"), reason=_text(body, "reason")
        )
        return _told(status)

    async def _explain(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        asked = _query(call, "rollout")
        found = await self._verbs.explain(names["model"], asked.get("rollout", ""))
        return RestAnswer(body=explanation_json(found).encode())

    async def _examples(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        asked = _query(call, "rollout", "limit")
        found = await self._verbs.examples(
            names["model"], asked.get("rollout", ""), limit=_number(asked, "limit")
        )
        return json_answer(examples_json(found))


def _told(status: RolloutStatus) -> RestAnswer:
    return json_answer(rollout_json(status))


def _spec(body: JsonObject) -> RolloutSpec | None:
    if "spec" in body and "spec_toml" in body:
        raise ControlError("a start wants either 'spec' or 'spec_toml', found both")
    if "spec_toml" in body:
        return rollout_of_toml(body.text("spec_toml"))
    if "spec" not in body:
        return None
    given = body.object("spec")
    return rollout_of({name: given.value(name) for name in given.names()})


def _body(call: RestCall, *members: str) -> JsonObject:
    body = optional_object(call.body) if call.body else EMPTY
    _only(body, frozenset(members))
    return body


def _only(body: JsonObject, members: frozenset[str]) -> None:
    for name in body.names():
        if name not in members:
            wanted = ", ".join(sorted(members))
            raise ControlError(f"the request JSON has a member '{name}': wanted {wanted}")


def _text(body: JsonObject, name: str) -> str:
    return body.text(name) if name in body else ""


def _query(call: RestCall, *names: str) -> dict[str, str]:
    """The parameters of the query, of which there are no others than `names`."""
    try:
        pairs = parse_qsl(call.query, keep_blank_values=True, errors="strict", max_num_fields=16)
    except ValueError as error:
        raise ControlError(f"the query '{call.query[:80]}' cannot be read: {error}") from None
    asked: dict[str, str] = {}
    for name, value in pairs:
        if name not in names or name in asked:
            times = "twice" if name in asked else f"here: wanted {', '.join(names)}"
            raise ControlError(f"the query has no parameter '{name[:80]}' {times}")
        asked[name] = value
    return asked


def _flag(asked: Mapping[str, str], name: str) -> bool:
    value: Any = FLAGS.get(asked.get(name, "false"))
    if value is None:
        raise ControlError(f"the query's '{name}' is true or false, found '{asked[name][:80]}'")
    return bool(value)


def _number(asked: Mapping[str, str], name: str) -> int:
    text = asked.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ControlError(f"the query's '{name}' is a whole number, found '{text[:80]}'")
    return int(text)
