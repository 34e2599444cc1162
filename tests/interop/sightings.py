# SPDX-License-Identifier: Apache-2.0
"""What calls have met, noted by the servicers and asked for by the tests.

A test gives a call a label in its metadata. Runs inside the server.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import interop_pb2 as pb
import interop_pb2_grpc as rpc
from tests.interop.contract import LABEL_KEY


def label_of(context: Any) -> str:
    """The label that the caller gave this call; empty for none."""
    found: str = dict(tuple(pair) for pair in context.invocation_metadata()).get(LABEL_KEY, "")
    return found


class Sightings:
    """How often calls with a label have met an event. For any thread."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._has_changed = threading.Condition()

    def note(self, label: str, event: str) -> None:
        if label:
            with self._has_changed:
                self._counts[label, event] += 1
                self._has_changed.notify_all()

    def wait_for(self, label: str, event: str, count: int, timeout_s: float | None) -> int:
        """How often by now, once it is at least `count`, or at the timeout."""
        with self._has_changed:
            self._has_changed.wait_for(lambda: self._counts[label, event] >= count, timeout_s)
            return self._counts[label, event]


class Observed(rpc.InteropServicer):  # type: ignore[misc]
    """A servicer whose calls can be observed. A plain function, for both kinds of servicers."""

    def __init__(self) -> None:
        self.sightings = Sightings()

    def Observe(self, request: Any, context: Any) -> Any:
        count = self.sightings.wait_for(
            request.label, request.event, request.count, context.time_remaining()
        )
        return pb.Sighting(label=request.label, event=request.event, count=count)
