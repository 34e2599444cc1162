# SPDX-License-Identifier: Apache-2.0
"""What is bet on: scores of a column's places whose mean is 0 as long as nothing drifts.

Each score g gives each place a number of [-1, 1], and has mean 0 under the reference's shares. How
far its mean may be off before that counts as drift is its tolerance; in that lies too how far the
reference's own shares may be off those of the rows that it was drawn from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["BETS", "RATES", "RATE_PART", "Scores", "bets_of", "scores_of"]

Floats = npt.NDArray[np.float64]

#: Parts of what there is that are put on a score, on its rise and on its fall.
_PARTS = (0.1, 0.25, 0.5, 0.8)
#: Bets on each score.
BETS = 2 * len(_PARTS)
#: Scores that are the rate of one special place, by what an alarm of them is called.
RATES = {"missing": "missing", "infinite": "infinite", "other": "unseen"}
#: Such a rate may be off by this part of the tolerance of other scores.
RATE_PART = 0.25
#: Standard errors of the reference that are tolerated.
_Z = 3.0
_TAIL = 0.05
#: Beyond it, a tail says what the median says.
_TAIL_MAX = 0.25
#: Of categories: those with a score of their own, and random halves of all of them.
_COMMONEST = 4
_HALVES = 3
_SEED = 20
#: A bet may not lose more than this part of what there is.
_LOSS_MAX = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """`values` (scores, places), `tolerances` (scores,)."""

    names: tuple[str, ...]
    values: Floats
    tolerances: Floats


def scores_of(
    counts: npt.NDArray[Any],
    reading: str,
    tolerance: float,
    *,
    names: Sequence[str] | None = None,
) -> Scores:
    """The scores of a column with reference counts (places,), the special places last.

    `tolerance`: how far a mean score may be off. Of numbers, u being the share of finite reference
    rows below a bin and half of those in it: location 2u - 1, scale 2 |2u - 1| - 1, the lower and
    upper 5 %, the half above the median, and the rates of missing and infinite values. Of
    categories: place by frequency as a location, the commonest ones, random halves, and the rates
    of missing and other ones. `names`: those that are wanted, all zeros where there is none; else
    those that can move.
    """
    total = int(counts.sum())
    rows = max(1, total)
    shares = counts / rows if total else np.full(len(counts), 1 / len(counts))
    if reading == "present":
        drawn = {"missing": np.array([0.0, 1.0])}
    elif reading == "category":
        drawn = _of_categories(shares)
    else:
        drawn = _of_numbers(shares)
    found = {}
    for name, value in drawn.items():
        centred = value - value @ shares
        largest = float(np.abs(centred).max())
        if largest > 1e-9:
            found[name] = centred / max(1.0, largest)
    names = tuple(names or found) or ("none",)
    values = [found.get(name, np.zeros(len(shares))) for name in names]
    table = np.asarray(values)
    variances = (table**2) @ shares
    off = _Z * np.sqrt((variances + 1 / rows) / rows) + _Z**2 / (3 * rows)
    wanted = [tolerance * (RATE_PART if name in RATES else 1.0) for name in names]
    return Scores(names=names, values=table, tolerances=np.maximum(off, wanted))


def bets_of(scores: Scores, dispersion: float = 1.0) -> npt.NDArray[np.float32]:
    """What a row at each place adds to the logarithm of each bet's stake, (scores * BETS, places).

    log(1 + l (s g - t)) for each score g of tolerance t, sign s and part l, whose stake does not
    grow in the mean while the mean of g is within t; over the column's dispersion.
    """
    off = scores.tolerances[:, None, None, None]
    parts = np.minimum(np.array(_PARTS)[None, None, :, None], _LOSS_MAX / (1 + off))
    signs = np.array([1.0, -1.0])[None, :, None, None]
    gains = np.log1p(parts * (signs * scores.values[:, None, None, :] - off))
    flat = gains.reshape(len(scores.names) * BETS, -1) / max(1.0, dispersion)
    # Down, so that rounding never adds to a stake.
    rounded = np.nextafter(flat.astype(np.float32), np.float32(-np.inf))
    return np.asarray(rounded, dtype=np.float32)


def _of_numbers(shares: Floats) -> dict[str, Floats]:
    bins = len(shares) - 2
    finite = shares[:bins] / max(float(shares[:bins].sum()), 1e-12)
    above = np.cumsum(finite)
    u = above - finite / 2
    found: dict[str, Floats] = {}

    def add(name: str, value: Floats) -> None:
        """A score of finite values: others have its mean."""
        centred = value - value @ finite
        centred /= max(1.0, float(np.abs(centred).max()))
        found[name] = np.concatenate([centred, np.zeros(len(shares) - bins)])

    if bins > 1:
        add("location", 2 * u - 1)
        add("scale", 2 * np.abs(2 * u - 1) - 1)
        add("half", np.where(u > 0.5, 1.0, -1.0))
        for name, outer in (("lower", above), ("upper", np.cumsum(finite[::-1])[::-1])):
            tail = outer <= max(_TAIL, float(outer.min())) + 1e-12
            if float(finite[tail].sum()) <= _TAIL_MAX:
                found[name] = np.concatenate([tail.astype(np.float64), np.zeros(2)])
    found["missing"] = _indicator(len(shares), bins)
    found["infinite"] = _indicator(len(shares), bins + 1)
    return found


def _of_categories(shares: Floats) -> dict[str, Floats]:
    known = len(shares) - 2
    found: dict[str, Floats] = {}
    order = np.argsort(-shares[:known], kind="stable")
    if known > 1:
        ranked = shares[order] / max(float(shares[:known].sum()), 1e-12)
        value = np.zeros(len(shares))
        value[order] = 2 * (np.cumsum(ranked) - ranked / 2) - 1
        found["frequency"] = value
    for rank, place in enumerate(order[:_COMMONEST].tolist()):
        found[f"commonest {rank + 1}"] = _indicator(len(shares), place)
    if known > 3:
        random = np.random.default_rng(_SEED)
        for half in range(_HALVES):
            value = np.zeros(len(shares))
            value[:known] = random.permutation(np.where(np.arange(known) % 2, 1.0, -1.0))
            found[f"half {half + 1}"] = value
    found["other"] = _indicator(len(shares), known)
    found["missing"] = _indicator(len(shares), known + 1)
    return found


def _indicator(places: int, place: int) -> Floats:
    found = np.zeros(places)
    found[place] = 1.0
    return found
