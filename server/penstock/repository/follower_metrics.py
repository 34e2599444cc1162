# SPDX-License-Identifier: Apache-2.0
"""What following a registry counts, in Prometheus' text format."""

import threading
from collections.abc import Mapping

__all__ = ["FollowerMetrics"]


class FollowerMetrics:
    """Every method is thread-safe. Numbers of versions are gauges: they go down on a rollback."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_up = False
        self._looked_s = 0.0
        self._wanted: Mapping[str, int] = {}
        self._served: dict[str, int] = {}
        self._switches: dict[str, int] = {}
        self._refusals: dict[str, int] = {}

    def away(self) -> None:
        """The registry did not answer."""
        with self._lock:
            self._is_up = False

    def looked(self, now_s: float) -> None:
        """The registry has answered, `now_s` seconds after 1970."""
        with self._lock:
            self._is_up, self._looked_s = True, now_s

    def wanted(self, versions: Mapping[str, int]) -> None:
        """What the alias names, by model."""
        with self._lock:
            self._wanted = versions

    def served(self, model: str, version: int) -> bool:
        """A model has changed over; False: it was counted as served by this version before."""
        with self._lock:
            is_new = self._served.get(model) != version
            if is_new:
                self._switches[model] = self._switches.get(model, 0) + 1
            self._served[model] = version
            return is_new

    def serves(self, model: str, version: int) -> None:
        """A model is served as it was when the server began."""
        with self._lock:
            self._served[model] = version

    def refused(self, model: str) -> None:
        """A version was tried and not served."""
        with self._lock:
            self._refusals[model] = self._refusals.get(model, 0) + 1

    def removed(self, model: str) -> None:
        """A model is no longer served."""
        with self._lock:
            self._served.pop(model, None)

    def text(self) -> str:
        """All families."""
        with self._lock:
            return "".join(
                [
                    _family(
                        "penstock_registry_up",
                        "gauge",
                        "1 if the registry answered when it was last asked.",
                        {"": int(self._is_up)},
                    ),
                    _family(
                        "penstock_registry_last_answer_timestamp_seconds",
                        "gauge",
                        "When the registry last answered, in seconds since 1970.",
                        {"": round(self._looked_s, 3)},
                    ),
                    _family(
                        "penstock_registry_wanted_version",
                        "gauge",
                        "The version that the followed alias names.",
                        self._wanted,
                    ),
                    _family(
                        "penstock_registry_served_version",
                        "gauge",
                        "The version of the registry that is served.",
                        self._served,
                    ),
                    _family(
                        "penstock_registry_switches_total",
                        "counter",
                        "How often a model changed over to another version.",
                        self._switches,
                    ),
                    _family(
                        "penstock_registry_refusals_total",
                        "counter",
                        "How often a version was tried and refused.",
                        self._refusals,
                    ),
                ]
            )


def _family(name: str, kind: str, told: str, values: Mapping[str, float]) -> str:
    lines = [f"# HELP {name} {told}", f"# TYPE {name} {kind}"]
    for model, value in sorted(values.items()):
        labels = f'{{model="{_escaped(model)}"}}' if model else ""
        lines.append(f"{name}{labels} {value}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
