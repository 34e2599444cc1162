# SPDX-License-Identifier: Apache-2.0
"""How columns stand and which alarms there are, as JSON and back."""

from typing import Any

import numpy as np
import numpy.typing as npt

from penstock_monitoring.episodes import Episodes
from penstock_monitoring.hysteresis import Clearing
from penstock_monitoring.judging import Judge
from penstock_monitoring.rules import Rules

__all__ = ["content_of", "restore_content"]


def content_of(judge: Judge, rules: Rules) -> dict[str, Any]:
    """What restore_content() goes on with, besides the live rows of each `clearing`."""
    return {
        "standings": [
            {
                "state": standing.state,
                "against": standing.against,
                "kind": standing.kind,
                "again_at": standing.again_at if np.isfinite(standing.again_at) else None,
                "clearing": None
                if standing.clearing is None
                else [standing.clearing.begin, standing.clearing.streak],
            }
            for standing in judge.standings
        ],
        "episodes": judge.episodes.content(),
        "episodes_ever": judge.episodes.count,
        "held": [[*key, looks] for key, looks in rules.held.items()],
        "row_at": rules.row_at,
        "pauses_s": [[*one] for one in rules.pauses_s.items()],
    }


def restore_content(
    content: dict[str, Any], arrays: dict[str, npt.NDArray[Any]], judge: Judge, rules: Rules
) -> None:
    """Goes on from what content_of() gave. Raises KeyError, TypeError or ValueError."""
    for place, (standing, kept) in enumerate(
        zip(judge.standings, content["standings"], strict=True)
    ):
        standing.state, standing.against = kept["state"], kept["against"]
        standing.kind = kept["kind"]
        if kept["again_at"] is not None:
            standing.again_at = kept["again_at"]
        if kept["clearing"] is not None:
            begin, streak = kept["clearing"]
            live = np.array(arrays[f"clearing.{place}"], dtype=np.int64)
            standing.clearing = Clearing(begin=begin, live=live, streak=streak)
    judge.episodes = Episodes.of_content(content["episodes"], content["episodes_ever"])
    rules.held = {(kind, column): looks for kind, column, looks in content["held"]}
    rules.row_at = content["row_at"]
    rules.pauses_s = {int(hour): float(s) for hour, s in content.get("pauses_s", ())}
