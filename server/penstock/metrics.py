# SPDX-License-Identifier: Apache-2.0
"""The page of metrics: the core's own text, what this build is, and what models count."""

from collections.abc import Callable

from penstock import __version__
from penstock.backends.triton.metric_families import metrics_text as model_metrics_text

__all__ = ["ServerMetrics"]


class ServerMetrics:
    """The exposition text of the whole server. Owned by `app`; every method is thread-safe."""

    def __init__(self, core_text: Callable[[], str], isa: str) -> None:
        """`core_text` gives the core's part."""
        self._texts = [core_text]
        self._build_text = (
            "# HELP penstock_build_info Always 1; the labels say what is running.\n"
            "# TYPE penstock_build_info gauge\n"
            f'penstock_build_info{{version="{__version__}",isa="{isa}"}} 1\n'
        )

    def add(self, text: Callable[[], str]) -> None:
        """From now on the page has these families too."""
        self._texts.append(text)

    def text(self) -> str:
        """Everything in Prometheus' text format."""
        return "".join([*(text() for text in self._texts), self._build_text, model_metrics_text()])
