# SPDX-License-Identifier: Apache-2.0
"""What the OpenAPI document of a server says of monitoring. Pure."""

from typing import Any

from penstock.control.openapi_messages import message_schema, query_parameter
from penstock.control.openapi_operations import path_parameter, reading
from penstock_client._proto import drift_pb2 as pb

__all__ = ["drift_paths", "drift_schemas"]

PLACE = "/admin/v1/drift"


def drift_paths() -> dict[str, Any]:
    """Path -> what can be asked there."""
    listed = reading("driftAll", "How live rows stand, of each version that is watched", "Drifts")
    one = reading("drift", "How the live rows of a version stand to its reference", "Drift")
    limit = query_parameter("limit", "At most so many; without it, 100.", "integer")
    version = query_parameter("version", "Without it, the highest that is watched.", "integer")
    window = query_parameter(
        "window_s",
        "Of the last so many seconds; without it, of the window that alarms are judged by.",
        "number",
    )
    return {
        PLACE: {"get": {**listed, "parameters": [limit]}},
        f"{PLACE}/{{model}}": {
            "parameters": [path_parameter("model")],
            "get": {**one, "parameters": [version, window]},
        },
    }


def drift_schemas() -> dict[str, Any]:
    """The schemas that the paths refer to."""
    return {
        "Drifts": message_schema(pb.ListDriftResponse.DESCRIPTOR),
        "Drift": message_schema(pb.DriftStatus.DESCRIPTOR),
    }
