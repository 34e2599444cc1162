# SPDX-License-Identifier: Apache-2.0
"""What the server asks of a package that judges counts: an entry point of `penstock.monitors`."""

from collections.abc import Sequence
from typing import Protocol

from penstock.drift.layout import Layout
from penstock.drift.settings import MonitoringSettings
from penstock.drift.status import DriftStatus
from penstock.drift.taken import Sample, Taken
from penstock.profile import ReferenceProfile

__all__ = ["Monitor", "Monitors"]


class Monitor(Protocol):
    """One version being watched. No clock but what it is told, no I/O, no thread."""

    def take(self, taken: Taken) -> bool:
        """Adds counts, the newest last; True: an alarm was raised, cleared or told of again.

        Times that go backwards are taken as the last one seen.
        """
        ...

    def status(self, *, window_s: float | None = None, is_short: bool = False) -> DriftStatus:
        """How it stands, of the last `window_s` seconds; None: of the window that it judges by.

        `is_short`: without what only a picture of one version needs, as codec.short_status().
        """
        ...

    def save(self) -> bytes:
        """All that it knows, in a versioned form: `open` with it goes on as if nothing happened."""
        ...


class Monitors(Protocol):
    """What the entry point names: an object with these."""

    def open(
        self,
        *,
        model: str,
        version: int,
        layout: Layout,
        profile: ReferenceProfile,
        is_self_reference: bool,
        settings: MonitoringSettings,
        saved: bytes | None,
    ) -> Monitor:
        """A monitor; of `saved`, what was kept of this profile and layout.

        Raises ProfileError where profile and layout do not fit; what is `saved` by another
        version, damaged or of another profile is left aside with a note in the status.
        """
        ...

    def self_reference(
        self, *, model: str, layout: Layout, samples: Sequence[Sample], sensitive: Sequence[str]
    ) -> ReferenceProfile:
        """A profile of the first live rows of a version that came without one."""
        ...
