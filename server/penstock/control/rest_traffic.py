# SPDX-License-Identifier: Apache-2.0
"""Routes of models over REST: calls in, answers out."""

from collections.abc import Awaitable, Callable, Mapping

from penstock.control.query import number, read_query
from penstock.control.rest import RestAnswer, RestCall
from penstock.control.rest_answers import json_answer
from penstock.control.route_messages import route_json, routes_json
from penstock.control.route_verbs import RouteVerbs
from penstock.control.shadow_messages import examples_json

__all__ = ["RestTraffic"]


class RestTraffic:
    """Answers the routes in `routes`; a refusal is raised. Lives on the control thread's loop."""

    def __init__(self, verbs: RouteVerbs) -> None:
        self._verbs = verbs
        self.routes: dict[str, Callable[[RestCall, Mapping[str, str]], Awaitable[RestAnswer]]] = {
            "traffic_routes": self._all,
            "traffic_route": self._one,
            "traffic_route_examples": self._examples,
        }

    async def _all(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        asked = read_query(call, "limit")
        return json_answer(routes_json(*self._verbs.statuses(limit=number(asked, "limit"))))

    async def _one(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        return json_answer(route_json(self._verbs.status(names["model"])))

    async def _examples(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        asked = read_query(call, "limit")
        found = self._verbs.examples(names["model"], limit=number(asked, "limit"))
        return json_answer(examples_json(found))
