# SPDX-License-Identifier: Apache-2.0
"""An engine that serves nothing, and has what it was told."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

from penstock.backends.isolation import WorkerLaunch
from penstock.engine import Engine, LoadedVersion, VersionUse
from penstock.errors import EngineError
from penstock.repository.plan import ModelPlan


class RecordingEngine(Engine):
    """`told` is everything in order: what was done, to which model and version.

    Loads of a model whose name is in `sick` fail, and as many of one as `ailing` has for it; those
    of one in `gates` wait until its gate is set.
    """

    def __init__(self) -> None:
        self.told: list[tuple[str, str, int]] = []
        self.serving: set[tuple[str, int]] = set()
        self.sick: set[str] = set()
        self.ailing: dict[str, int] = {}
        self.gates: dict[str, threading.Event] = {}
        self.at_gate = threading.Semaphore(0)
        self.waker = os.eventfd(0, os.EFD_CLOEXEC)
        self.wanted: set[tuple[str, int]] = set()
        self.used: dict[tuple[str, int], VersionUse] = {}

    def load(
        self,
        plan: ModelPlan,
        executes: Sequence[Callable[..., Any]] = (),
        worker: WorkerLaunch | None = None,
        began: float | None = None,
        *,
        before_served: Callable[..., object] | None = None,
    ) -> LoadedVersion:
        if plan.name in self.gates:
            self.at_gate.release()
            assert self.gates[plan.name].wait(30)
        ails = self.ailing.get(plan.name, 0)
        self.ailing[plan.name] = ails - 1
        if plan.name in self.sick or ails > 0:
            raise EngineError("it is sick", code="INVALID_ARGUMENT")
        self.told.append(("loaded", plan.name, plan.version))
        self.serving.add((plan.name, plan.version))
        return LoadedVersion(
            name=plan.name,
            version=plan.version,
            inputs=plan.inputs,
            outputs=plan.outputs,
            batch_rows_max=4 if plan.batch_rows_max is None else plan.batch_rows_max,
            lane="inline",
            row_cost_us=None,
        )

    def set_failed(self, name: str, version: int, reason: str) -> None:
        assert (name, version) not in self.serving
        self.told.append((reason, name, version))

    def unload(self, name: str, version: int) -> None:
        if not any((name, version) == told[1:] for told in self.told):
            raise EngineError("no such version", code="NOT_FOUND")
        self.told.append(("unloaded", name, version))
        self.serving.discard((name, version))

    def set_asleep(self, name: str, version: int, refusal: str = "") -> None:
        self.told.append((refusal or "asleep", name, version))
        self.serving.discard((name, version))

    @property
    def wakes_fd(self) -> int:
        return self.waker

    def ask_for(self, name: str, version: int) -> None:
        """A request comes for a version that is asleep."""
        self.wanted.add((name, version))
        os.eventfd_write(self.waker, 1)

    def take_wakes(self) -> set[tuple[str, int]]:
        os.eventfd_read(self.waker)
        wanted, self.wanted = self.wanted, set()
        return wanted

    def uses(self) -> list[VersionUse]:
        return [
            self.used.get(key, VersionUse(model=key[0], version=key[1], last_ms=0, calls=0))
            for key in sorted(self.serving)
        ]

    def __del__(self) -> None:
        os.close(self.waker)

    def trim_memory(self) -> None:
        self.told.append(("trimmed", "", 0))
