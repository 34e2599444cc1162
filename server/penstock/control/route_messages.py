# SPDX-License-Identifier: Apache-2.0
"""Routes as messages of Penstock's admin service, and as their JSON. Pure."""

from collections.abc import Sequence
from typing import Any

from penstock.control.messages_json import message_json
from penstock.control.shadow_messages import shadow_message
from penstock.rollout.route_status import RouteStatus
from penstock_client._proto import admin_pb2 as pb

__all__ = ["route_json", "route_message", "routes_json", "routes_message"]


def route_message(status: RouteStatus) -> pb.RouteStatus:
    """How the requests of a model are shared out."""
    return pb.RouteStatus(
        model=status.model,
        origin=status.origin,
        sticky_source=status.sticky_source,
        sticky_name=status.sticky_name,
        holdout_bp=status.holdout_bp,
        overrides=status.overrides,
        can_force=status.can_force,
        arms=[
            pb.RouteArm(name=one.name, model=one.model, version=one.version, share_bp=one.share_bp)
            for one in status.arms
        ],
        shadows=[
            pb.RouteShadow(
                model=one.model,
                version=one.version,
                sample_bp=one.sample_bp,
                relative=one.relative,
                absolute=one.absolute,
                examples=one.examples,
                counts=shadow_message(one.counts),
            )
            for one in status.shadows
        ],
    )


def routes_message(found: Sequence[RouteStatus], left_out: int) -> pb.ListRoutesResponse:
    """Several of them, and how many there are besides."""
    return pb.ListRoutesResponse(routes=[route_message(one) for one in found], left_out=left_out)


def route_json(status: RouteStatus) -> dict[str, Any]:
    """One as JSON: every field written out."""
    return message_json(route_message(status))


def routes_json(found: Sequence[RouteStatus], left_out: int) -> dict[str, Any]:
    """Several as JSON."""
    return message_json(routes_message(found, left_out))
