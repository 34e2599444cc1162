# SPDX-License-Identifier: Apache-2.0
"""`client.drift` of both clients against the admin service."""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Iterator

import pytest
from tests.doubles.admin_server import AdminServer
from tests.doubles.drift import DRIFTED

from penstock.drift import status as server_side
from penstock_client import AsyncClient, Client, NotFound, drift
from penstock_client._proto import drift_pb2 as pb


@pytest.fixture
def server() -> Iterator[AdminServer]:
    with AdminServer() as running:
        yield running


def test_a_version_is_what_the_server_says(server: AdminServer) -> None:
    with Client(server.address) as client:
        told = client.drift.status("fraud", window_s=60, timeout=10)
        assert server.drift.asked == [60]
        age, town = told.columns
        assert (told.version, told.ticks, age.state, age.log_e) == (2, 90, "alarm", 18.5)
        assert (age.rates[0].reference, age.rates[1].reference) == (0.0, None)
        assert (town.onset, town.log_e, age.history[0].mean) == (None, -math.inf, None)
        assert town.unseen == (drift.UnseenCategory(category="Köln", rows=7),)
        assert told.alarms[0].cleared_at is None
        assert told.alarms[0].effect == drift.DriftEffect(
            name="psi", value=0.31, low=0.25, high=0.36
        )
        assert told.notes == DRIFTED.notes
        assert (told.claims_bound, told.bound) == (True, DRIFTED.bound)
        with pytest.raises(NotFound, match="is not watched"):
            client.drift.status("fraud", version=7, timeout=10)


def test_a_list_is_in_short(server: AdminServer) -> None:
    with Client(server.address) as client:
        first, second = client.drift.list(timeout=10)
        assert (first.model, second.model, second.reference) == ("fraud", "new", "learning")
        assert (first.columns[0].log_e, first.columns[0].bins) == (18.5, ())
        assert client.drift.list(limit=1, timeout=10) == (first,)


def test_both_clients_are_told_the_same(server: AdminServer) -> None:
    async def asked() -> tuple[object, ...]:
        async with AsyncClient(server.address) as client:
            return (
                await client.drift.status("fraud", timeout=10),
                await client.drift.list(timeout=10),
            )

    with Client(server.address) as client:
        assert asyncio.run(asked()) == (
            client.drift.status("fraud", timeout=10),
            client.drift.list(timeout=10),
        )


def test_the_fields_of_values_are_those_of_the_messages_and_of_the_server() -> None:
    own = {"DriftAlarm": "Alarm", "DriftEffect": "Effect", "DriftRate": "Rate"}
    own["DriftHistoryPoint"] = "HistoryPoint"
    for name in drift.__all__:
        fields = {one.name for one in dataclasses.fields(getattr(drift, name))}
        assert fields == set(getattr(pb, name).DESCRIPTOR.fields_by_name), name
        if kind := getattr(server_side, own.get(name, name), None):
            assert fields == {one.name for one in dataclasses.fields(kind)}, name
