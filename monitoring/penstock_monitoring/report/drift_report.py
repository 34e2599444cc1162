# SPDX-License-Identifier: Apache-2.0
"""The object that is saved as a page, shown in a notebook, and kept as JSON."""

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.drift import DriftStatus
from penstock.errors import MonitoringError
from penstock_monitoring.report.known_words import check_words
from penstock_monitoring.report.page import page_html
from penstock_monitoring.report.verdict import verdict_of

if TYPE_CHECKING:
    from penstock_client.drift import DriftStatus as ToldStatus

__all__ = ["DriftReport"]

NOTEBOOK_HEIGHT = 760


class DriftReport:
    """How rows stand to their reference; a notebook shows it as the page that `save` writes."""

    def __init__(
        self, status: DriftStatus, *, log_p_values: Mapping[str, float] | None = None
    ) -> None:
        """`log_p_values`: natural logarithms by column; given, the page shows p-values."""
        self.status = status
        self.log_p_values = log_p_values

    @classmethod
    def from_json(cls, text: str) -> "DriftReport":
        """What `to_json` has written, or a server says over REST. Raises MonitoringError."""
        from penstock.control.drift_messages import status_of_json

        try:
            told = json.loads(text)
        except ValueError:
            raise MonitoringError("it is not JSON: wanted how a version stands.") from None
        if not isinstance(told, dict):
            raise MonitoringError("it is no JSON object: wanted how a version stands.")
        return cls(check_words(status_of_json(told)))

    @classmethod
    def from_client(cls, told: "ToldStatus") -> "DriftReport":
        """What `Client.drift.status()` has given. Raises MonitoringError as from_json() does."""
        from penstock.commands.drift.told import status_told
        from penstock.control.drift_messages import status_of_json

        return cls(check_words(status_of_json(status_told(told))))

    def to_json(self) -> str:
        """The status, as REST has it."""
        from penstock.control.drift_messages import status_json

        return json.dumps(status_json(self.status), ensure_ascii=False)

    @property
    def verdict(self) -> str:
        """One sentence."""
        return verdict_of(self.status).sentence

    @property
    def is_alarmed(self) -> bool:
        """Whether an alarm goes on."""
        return any(alarm.cleared_at is None for alarm in self.status.alarms)

    def to_html(self) -> str:
        """The page: it needs no other file and no network."""
        return page_html(self.status, log_p_values=self.log_p_values)

    def save(self, path: str | Path) -> Path:
        """Write the page. Raises MonitoringError where it cannot be written."""
        file = Path(path)
        try:
            file.write_text(self.to_html(), encoding="utf-8")
        except OSError as error:
            raise MonitoringError(f"{file} cannot be written: {error.strerror}.") from None
        return file

    def __repr__(self) -> str:
        return f"<DriftReport of {self.status.model}: {self.verdict}>"

    def _repr_html_(self) -> str:
        # In a frame, the page's style is its own and the notebook's is left alone.
        return (
            f'<iframe srcdoc="{escape(self.to_html())}" title="{escape(self.verdict)}" '
            f'width="100%" height="{NOTEBOOK_HEIGHT}" style="border: 0"></iframe>'
        )
