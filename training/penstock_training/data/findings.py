# SPDX-License-Identifier: Apache-2.0
"""What a check found in the rows, and what that does to the run."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from penstock_training.errors import DataError
from penstock_training.spec.data import Answer

__all__ = ["Finding", "answered", "as_json"]

Check = Literal["leakage", "identifier", "duplicates", "contamination", "labels", "quarantine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that a person should know of the rows."""

    check: Check
    #: refuse stops the run, warn is shown, note is written down.
    severity: Literal["refuse", "warn", "note"]
    columns: tuple[str, ...]
    #: Tells no value of a sensitive column.
    sentence: str


def answered(findings: Sequence[Finding]) -> list[Finding]:
    """`findings`, none of which stops the run.

    Raises:
        DataError: one does.
    """
    for finding in findings:
        if finding.severity == "refuse":
            raise DataError(
                f"{finding.sentence} If that is as it should be, set {finding.check} = "
                '"warn" in [data.checks].'
            )
    return list(findings)


def severity_of(answer: Answer) -> Literal["refuse", "warn", "note"]:
    """What a finding does, as [data.checks] says; that of a check that is ignored is a note."""
    return "note" if answer == "ignore" else answer


def as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """As validation.json and split.json have them."""
    return [{**asdict(finding), "columns": list(finding.columns)} for finding in findings]
