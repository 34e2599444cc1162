# SPDX-License-Identifier: Apache-2.0
"""Monitoring over REST: calls in, answers out."""

from collections.abc import Awaitable, Callable, Mapping

from penstock.control.drift_messages import status_json, statuses_json
from penstock.control.drift_verbs import DriftVerbs
from penstock.control.query import number, read_query, real
from penstock.control.rest import RestAnswer, RestCall
from penstock.control.rest_answers import json_answer

__all__ = ["RestDrift"]


class RestDrift:
    """Answers the routes in `routes`; a refusal is raised. Lives on the control thread's loop."""

    def __init__(self, verbs: DriftVerbs) -> None:
        self._verbs = verbs
        self.routes: dict[str, Callable[[RestCall, Mapping[str, str]], Awaitable[RestAnswer]]] = {
            "drift_all": self._all,
            "drift": self._one,
        }

    async def _all(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        asked = read_query(call, "limit")
        return json_answer(statuses_json(*self._verbs.statuses(limit=number(asked, "limit"))))

    async def _one(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        asked = read_query(call, "version", "window_s")
        found = await self._verbs.status(
            names["model"], number(asked, "version"), window_s=real(asked, "window_s")
        )
        return json_answer(status_json(found))
