# SPDX-License-Identifier: Apache-2.0
"""How a version stands that nothing is held against yet. Pure."""

from penstock.drift.status import DriftStatus
from penstock.drift.watched import Watched

__all__ = ["learning_status"]


def learning_status(watched: Watched, wall_s: float, *, can_judge: bool) -> DriftStatus:
    """Of a version whose first rows are being gathered, or whose monitor has told nothing yet, or
    of which nothing judges.
    """
    course, totals, profile = watched.course, watched.totals, watched.course.profile
    notes = [*course.warnings, *course.notes]
    if not can_judge:
        notes.append("Nothing judges what is counted: pip install 'penstock[monitoring]'.")
    elif profile is not None:
        notes.append("Its monitor has told nothing yet: it is asked once rows come.")
    elif watched.learning is None or not watched.learning.rows_wanted:
        notes.append("No reference: give it a profile.json, or self_reference_rows above 0.")
    else:
        learning = watched.learning
        notes.append(f"{learning.rows} of {learning.rows_wanted} rows of a reference are there.")
    notes += totals.notes()
    return DriftStatus(
        model=watched.model,
        version=watched.version,
        reference=watched.reference,
        reference_digest=profile.digest if profile is not None else "",
        reference_rows=profile.rows if profile is not None else 0,
        begin=wall_s,
        end=wall_s,
        rows=totals.rows,
        tested_rows=totals.tested_rows,
        dropped_rows=totals.dropped_rows,
        repeated_rows=totals.repeated_rows,
        share=course.share,
        ticks=totals.ticks,
        false_alarms_per_30_days=course.settings.false_alarms_per_30_days,
        columns=(),
        alarms=(),
        notes=tuple(notes),
    )
