# SPDX-License-Identifier: Apache-2.0
"""What the run that made a version says."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from penstock.errors import RegistryError
from penstock.registry.entries import VersionEntry
from penstock.registry.place import check_reachable
from penstock.registry.registry import Registry
from penstock.registry.tags import VERDICT_TAG

__all__ = ["Estimate", "RunEntry", "estimates", "run_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A metric, and the ends of its interval if it has one."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEntry:
    """A run. Parameters are text, as MLflow keeps them; metrics are finite numbers."""

    id: str
    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """ "accepted" or "rejected"; empty: Penstock did not judge it."""
        return self.tags.get(VERDICT_TAG, "")

    @property
    def estimates(self) -> dict[str, Estimate]:
        """The metrics with their intervals, by name."""
        return estimates(self.metrics)


def estimates(metrics: Mapping[str, float]) -> dict[str, Estimate]:
    """`NAME`, `NAME_low` and `NAME_high` as one. Pure."""
    have_ends = {name for name in metrics if {f"{name}_low", f"{name}_high"} <= metrics.keys()}
    ends = {f"{name}{ending}" for name in have_ends for ending in ("_low", "_high")}
    return {
        name: Estimate(
            value=value,
            low=metrics[f"{name}_low"] if name in have_ends else None,
            high=metrics[f"{name}_high"] if name in have_ends else None,
        )
        for name, value in sorted(metrics.items())
        if name not in ends
    }


def run_of(registry: Registry, version: VersionEntry) -> RunEntry | None:
    """None: it has none, or the run has been removed.

    Raises:
        RegistryError: the registry cannot be reached.
    """
    if not version.run_id:
        return None
    try:
        run = registry.asked(registry.client.get_run, version.run_id)
    except RegistryError:
        check_reachable(registry.place, creates=False)
        return None
    return RunEntry(
        id=version.run_id,
        name=run.info.run_name or "",
        parameters=dict(run.data.params),
        metrics={
            name: float(value)
            for name, value in run.data.metrics.items()
            if math.isfinite(float(value))
        },
        tags=dict(run.data.tags),
    )
