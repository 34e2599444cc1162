# SPDX-License-Identifier: Apache-2.0
"""Each call about routes as a value; see _calls."""

from __future__ import annotations

from penstock_client._calls import Call, Metadata, parsed
from penstock_client._proto import admin_pb2 as pb
from penstock_client._proto.pool import service_methods
from penstock_client._shadow_messages import examples_of, shadow_of
from penstock_client.routes import RouteArm, RouteShadow, RouteStatus
from penstock_client.shadows import ShadowExamples

_ADMIN = service_methods("penstock.admin.v1.AdminService")


def status(model: str) -> Call[RouteStatus]:
    """GetRoute."""
    request = pb.GetRouteRequest(model=model)
    return Call(_ADMIN["GetRoute"].path, request.SerializeToString(), _read_status)


def listed(limit: int = 0) -> Call[tuple[RouteStatus, ...]]:
    """ListRoutes."""
    request = pb.ListRoutesRequest(limit=limit)
    return Call(_ADMIN["ListRoutes"].path, request.SerializeToString(), _read_list)


def examples(model: str, limit: int = 0) -> Call[ShadowExamples]:
    """ListRouteExamples."""
    request = pb.ListRouteExamplesRequest(model=model, limit=limit)
    return Call(_ADMIN["ListRouteExamples"].path, request.SerializeToString(), _read_examples)


def _read_status(message: bytes, trailers: Metadata) -> RouteStatus:
    return _status(parsed(pb.RouteStatus, message))


def _read_list(message: bytes, trailers: Metadata) -> tuple[RouteStatus, ...]:
    return tuple(_status(one) for one in parsed(pb.ListRoutesResponse, message).routes)


def _read_examples(message: bytes, trailers: Metadata) -> ShadowExamples:
    return examples_of(parsed(pb.ShadowExamples, message))


def _status(found: pb.RouteStatus) -> RouteStatus:
    return RouteStatus(
        model=found.model,
        origin=found.origin,
        sticky_source=found.sticky_source,
        sticky_name=found.sticky_name,
        holdout_bp=found.holdout_bp,
        overrides=found.overrides,
        can_force=found.can_force,
        arms=tuple(
            RouteArm(
                name=one.name,
                model=one.model,
                version=one.version if one.HasField("version") else None,
                share_bp=one.share_bp,
            )
            for one in found.arms
        ),
        shadows=tuple(
            RouteShadow(
                model=one.model,
                version=one.version if one.HasField("version") else None,
                sample_bp=one.sample_bp,
                relative=one.relative,
                absolute=one.absolute,
                examples=one.examples,
                counts=shadow_of(one.counts),
            )
            for one in found.shadows
        ),
    )
