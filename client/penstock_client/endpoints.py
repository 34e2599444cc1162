# SPDX-License-Identifier: Apache-2.0
"""Which endpoint gets the next attempt. Decisions only: no clock, no IO, no connection.

Endpoints take turns. One that fails `failures_to_eject` times in a row is ejected: it is passed
over for a while, longer each time. After that while it gets a single attempt on trial; if the
trial succeeds it is a full member again, if not it is ejected anew. When all are ejected, the one
whose time is up first is tried, because a call must go somewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["EjectionPolicy", "EndpointRing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EjectionPolicy:
    """When to eject and for how long. ValueError when a number makes no sense."""

    failures_to_eject: int = 3
    eject_first_s: float = 1.0
    eject_max_s: float = 30.0
    eject_multiplier: float = 2.0

    def __post_init__(self) -> None:
        """Refuses numbers that make no sense."""
        if self.failures_to_eject < 1:
            raise ValueError(f"failures_to_eject must be at least 1, got {self.failures_to_eject}")
        if not 0 <= self.eject_first_s <= self.eject_max_s or self.eject_multiplier < 1:
            raise ValueError("need 0 <= eject_first_s <= eject_max_s and eject_multiplier >= 1")

    def eject_s(self, ejections: int, *, random: float) -> float:
        """How long the so-many-th ejection in a row lasts, in seconds; `random` is in [0, 1).

        Between a half and the whole of a ceiling that grows with each ejection.
        """
        growth = self.eject_multiplier ** min(ejections - 1, 64)
        return (0.5 + random / 2) * min(self.eject_max_s, self.eject_first_s * growth)


@dataclass(slots=True)
class _Endpoint:
    """What is known about one endpoint."""

    failures: int = 0
    ejections: int = 0
    ejected_until_s: float = 0.0
    is_on_trial: bool = False


class EndpointRing:
    """The endpoints of one client. Whoever shares it between threads locks it."""

    def __init__(self, addresses: Sequence[str], policy: EjectionPolicy | None = None) -> None:
        """Starts with every endpoint admitted; ValueError when there is none."""
        if not addresses:
            raise ValueError("a client needs at least one endpoint, got none")
        self.addresses = tuple(addresses)
        self._policy = EjectionPolicy() if policy is None else policy
        self._endpoints = [_Endpoint() for _ in addresses]
        self._next = 0

    def pick(self, *, now_s: float, random: float) -> int:
        """Gives the index of the endpoint for the next attempt."""
        count = len(self._endpoints)
        if count == 1:
            return 0
        turns = ((self._next + offset) % count for offset in range(count))
        chosen = next(
            (turn for turn in turns if self._endpoints[turn].ejected_until_s <= now_s), None
        )
        if chosen is None:
            chosen = min(range(count), key=lambda turn: self._endpoints[turn].ejected_until_s)
        self._next = (chosen + 1) % count
        endpoint = self._endpoints[chosen]
        if endpoint.ejections:
            # Other calls pass it over until this attempt has reported, or is overdue.
            endpoint.is_on_trial = True
            trial_s = self._policy.eject_s(endpoint.ejections, random=random)
            endpoint.ejected_until_s = now_s + trial_s
        return chosen

    def record_success(self, index: int) -> None:
        """The endpoint answered, be it with a refusal: it lives."""
        endpoint = self._endpoints[index]
        if endpoint.failures:
            self._endpoints[index] = _Endpoint()

    def record_failure(self, index: int, *, now_s: float, random: float) -> None:
        """The endpoint was UNAVAILABLE."""
        endpoint = self._endpoints[index]
        endpoint.failures += 1
        # Attempts under way when it was ejected fail too; they do not make its absence longer.
        is_admitted = endpoint.is_on_trial or endpoint.ejected_until_s <= now_s
        if is_admitted and endpoint.failures >= self._policy.failures_to_eject:
            endpoint.is_on_trial = False
            endpoint.ejections += 1
            eject_s = self._policy.eject_s(endpoint.ejections, random=random)
            endpoint.ejected_until_s = now_s + eject_s

    def ejected(self, *, now_s: float) -> tuple[str, ...]:
        """The addresses passed over at present."""
        return tuple(
            address
            for address, endpoint in zip(self.addresses, self._endpoints, strict=True)
            if endpoint.ejected_until_s > now_s
        )
