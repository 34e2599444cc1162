# SPDX-License-Identifier: Apache-2.0
"""The metrics that Python knows, and those that models count, beside the core's own."""

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from penstock import __version__
from penstock.backends.triton.metric_families import metrics_text as model_metrics_text
from penstock.repository.loader import LoadReport

__all__ = ["ServerMetrics"]


class ServerMetrics:
    """The exposition text of the whole server. Owned by `app`; every method is thread-safe."""

    def __init__(self, core_text: Callable[[], str], isa: str) -> None:
        """`core_text` gives the core's part."""
        self._core_text = core_text
        self._registry = CollectorRegistry()
        self._load_seconds = Gauge(
            "nv_model_load_duration_secs",
            "Seconds that loading the model version took.",
            ["model", "version"],
            registry=self._registry,
        )
        build = Gauge(
            "penstock_build_info",
            "Always 1; the labels say what is running.",
            ["version", "isa"],
            registry=self._registry,
        )
        build.labels(__version__, isa).set(1)

    def count_loads(self, reports: Sequence[LoadReport]) -> None:
        """Takes in what was loaded."""
        for report in reports:
            if report.loaded is not None:
                labels = self._load_seconds.labels(report.name, str(report.version))
                labels.set(report.seconds)

    def text(self) -> str:
        """Everything in Prometheus' text format."""
        own = generate_latest(self._registry).decode()
        return self._core_text() + own + model_metrics_text()
