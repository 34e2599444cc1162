# SPDX-License-Identifier: Apache-2.0
"""The package that judges counts, found by its entry point: no other way leads to it."""

from importlib.metadata import EntryPoint, entry_points

from penstock.drift.monitor import Monitors

__all__ = ["MONITORS", "find_monitors", "load_monitors"]

#: The group of entry points.
MONITORS = "penstock.monitors"


def find_monitors() -> EntryPoint | None:
    """The entry point; nothing is imported."""
    found = sorted(entry_points(group=MONITORS), key=lambda one: one.name)
    return found[0] if found else None


def load_monitors() -> Monitors | None:
    """What it names. Raises ImportError or AttributeError where that is not there."""
    found = find_monitors()
    if found is None:
        return None
    monitors: Monitors = found.load()
    return monitors
