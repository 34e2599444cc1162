# SPDX-License-Identifier: Apache-2.0
"""Rollouts over REST: calls in, answers out."""

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote

from penstock.control.json_body import JsonObject, parsed_object
from penstock.control.query import flag, number, read_query
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
        asked = read_query(call, "model", "ongoing_only", "limit")
        found = self._verbs.statuses(
            asked.get("model", ""),
            ongoing_only=flag(asked, "ongoing_only"),
            limit=number(asked, "limit"),
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
        asked = read_query(call, "rollout")
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
        asked = read_query(call, "rollout")
        found = await self._verbs.explain(names["model"], asked.get("rollout", ""))
        return RestAnswer(body=explanation_json(found).encode())

    async def _examples(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        asked = read_query(call, "rollout", "limit")
        found = await self._verbs.examples(
            names["model"], asked.get("rollout", ""), limit=number(asked, "limit")
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
