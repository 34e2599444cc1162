# SPDX-License-Identifier: Apache-2.0
"""Layouts, settings and statuses as plain values for JSON, and back. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from pydantic import TypeAdapter

from penstock.digests import digest_of
from penstock.drift.layout import Layout, WatchedColumn
from penstock.drift.status import DriftStatus

__all__ = [
    "layout_digest",
    "layout_of",
    "layout_told",
    "short_status",
    "status_of",
    "status_told",
]

_STATUS = TypeAdapter(DriftStatus)
_COLUMNS = TypeAdapter(tuple[WatchedColumn, ...])


def layout_told(layout: Layout) -> list[dict[str, Any]]:
    """A layout's columns."""
    return [asdict(column) for column in layout.columns]


def layout_of(told: Any) -> Layout:
    """The layout of such columns."""
    return Layout(columns=_COLUMNS.validate_python(told))


def layout_digest(layout: Layout) -> str:
    """The same for layouts that are equal, in every process."""
    return digest_of(layout_told(layout))


def short_status(status: DriftStatus) -> DriftStatus:
    """Without what only a picture of one version needs."""
    columns = tuple(
        replace(one, bins=(), live=(), reference=(), quantiles=(), history=(), unseen=())
        for one in status.columns
    )
    return replace(status, columns=columns)


def status_told(status: DriftStatus) -> dict[str, Any]:
    """A status; numbers may be infinite, which Python's JSON has words for."""
    return asdict(status)


def status_of(told: Mapping[str, Any]) -> DriftStatus:
    """The status of such values."""
    return _STATUS.validate_python(told)
