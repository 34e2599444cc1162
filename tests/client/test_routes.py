# SPDX-License-Identifier: Apache-2.0
"""`client.routes` of both clients against the admin service."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator

import pytest
from tests.doubles.admin_server import AdminServer
from tests.doubles.rollouts import EXAMPLE
from tests.doubles.routes import OF_FILE, PINNED

from penstock.control.route_messages import route_message
from penstock_client import AsyncClient, Client, NotFound, routes
from penstock_client._proto import admin_pb2 as pb
from penstock_client._route_calls import _status as read_status


@pytest.fixture
def server() -> Iterator[AdminServer]:
    with AdminServer() as running:
        yield running


def test_routes_are_what_the_server_says(server: AdminServer) -> None:
    with Client(server.address) as client:
        told = client.routes.status("fraud", timeout=10)
        assert (told.origin, told.sticky_name, told.holdout_bp) == ("file", "x-user", 100)
        assert [dataclasses.asdict(one) for one in told.arms] == [
            dataclasses.asdict(one) for one in OF_FILE.arms
        ]
        assert told.shadows[0].version is None
        assert told.shadows[0].counts.outputs[0].identical == 9_001
        assert client.routes.list(timeout=10) == (told, read_status(route_message(PINNED)))
        assert client.routes.list(limit=1, timeout=10) == (told,)
        found = client.routes.examples("fraud", limit=3, timeout=10)
        assert (found.rollout, found.examples[0].pair) == ("", EXAMPLE.pair)
        with pytest.raises(NotFound, match="has no route"):
            client.routes.status("nobody", timeout=10)


def test_both_clients_are_told_the_same(server: AdminServer) -> None:
    async def asked() -> tuple[object, ...]:
        async with AsyncClient(server.address) as client:
            return (
                await client.routes.status("fraud", timeout=10),
                await client.routes.list(timeout=10),
                await client.routes.examples("fraud", timeout=10),
            )

    with Client(server.address) as client:
        assert asyncio.run(asked()) == (
            client.routes.status("fraud", timeout=10),
            client.routes.list(timeout=10),
            client.routes.examples("fraud", timeout=10),
        )


def test_the_fields_of_values_are_those_of_the_messages() -> None:
    for name in routes.__all__:
        fields = {one.name for one in dataclasses.fields(getattr(routes, name))}
        assert fields == set(getattr(pb, name).DESCRIPTOR.fields_by_name), name
