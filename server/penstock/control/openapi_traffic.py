# SPDX-License-Identifier: Apache-2.0
"""What the OpenAPI document of a server says of routes. Pure."""

from typing import Any

from penstock.control.openapi_messages import message_schema, query_parameter
from penstock.control.openapi_operations import path_parameter, reading
from penstock_client._proto import admin_pb2 as pb

__all__ = ["route_paths", "route_schemas"]

PLACE = "/admin/v1/routes"
MODEL = {"parameters": [path_parameter("model")]}


def route_paths() -> dict[str, Any]:
    """Path -> what can be asked there."""
    listed = reading(
        "routes", "How requests are shared out, of each model that has a route", "Routes"
    )
    kept = reading(
        "routeExamples", "Pairs of its shadows for a person to look at, newest first", "Examples"
    )
    limit = query_parameter("limit", "At most so many; without it, 100.", "integer")
    few = query_parameter("limit", "At most so many; 0: 20.", "integer")
    return {
        PLACE: {"get": {**listed, "parameters": [limit]}},
        f"{PLACE}/{{model}}": {
            **MODEL,
            "get": reading("route", "How the requests of a model are shared out", "Route"),
        },
        f"{PLACE}/{{model}}/examples": {**MODEL, "get": {**kept, "parameters": [few]}},
    }


def route_schemas() -> dict[str, Any]:
    """The schemas that the paths refer to, besides those of rollouts."""
    return {
        "Routes": message_schema(pb.ListRoutesResponse.DESCRIPTOR),
        "Route": message_schema(pb.RouteStatus.DESCRIPTOR),
    }
