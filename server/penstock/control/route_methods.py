# SPDX-License-Identifier: Apache-2.0
"""The part of Penstock's admin service that tells of routes: messages in, messages out."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from google.protobuf.message import Message

from penstock.control.route_messages import route_message, routes_message
from penstock.control.route_verbs import RouteVerbs
from penstock.control.shadow_messages import examples_message
from penstock_client._proto import admin_pb2 as pb

__all__ = ["route_methods"]


def route_methods(verbs: RouteVerbs) -> Mapping[str, Callable[[Any], Awaitable[Message]]]:
    """Name -> method; a refusal is raised."""

    async def get(request: pb.GetRouteRequest) -> Message:
        return route_message(verbs.status(request.model))

    async def listed(request: pb.ListRoutesRequest) -> Message:
        return routes_message(*verbs.statuses(limit=request.limit))

    async def examples(request: pb.ListRouteExamplesRequest) -> Message:
        return examples_message(verbs.examples(request.model, limit=request.limit))

    return {"GetRoute": get, "ListRoutes": listed, "ListRouteExamples": examples}
