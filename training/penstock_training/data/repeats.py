# SPDX-License-Identifier: Apache-2.0
"""Rows that stand in the data more than once, and rows that both train and judge."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock_training.data.columns import Columns
from penstock_training.data.findings import Finding, severity_of
from penstock_training.data.same_rows import codes_of
from penstock_training.spec.data import Answer

__all__ = ["contamination", "duplicates"]

Places = NDArray[np.int64]


def duplicates(table: Any, kinds: Places, columns: Columns, *, answer: Answer) -> list[Finding]:
    """Rows of the same features, and of those the ones that contradict each other.

    `kinds`: see kinds_of_rows().
    """
    sizes = np.bincount(kinds)
    extra = int((sizes - 1).clip(0).sum())
    if not extra:
        return []
    targets = codes_of(table.column(columns.target))
    pairs = np.unique(np.stack([kinds, targets]), axis=1)[0]
    of_several = np.bincount(pairs, minlength=len(sizes)) > 1
    contradicting = int(of_several[kinds].sum())
    sentence = (
        f"{extra} of {len(table)} rows have the features of a row before them: a row that counts "
        "twice is learnt twice, so take them out unless they were seen twice."
    )
    if contradicting:
        sentence += (
            f" {contradicting} rows are like others in all features and unlike in the target."
        )
    return [
        Finding(
            check="duplicates",
            severity=severity_of(answer),
            columns=columns.features,
            sentence=sentence,
        )
    ]


def contamination(
    kinds: Places, parts: Mapping[str, Places], columns: Columns, *, answer: Answer
) -> list[Finding]:
    """Rows of a part whose features stand in a part that is learnt from or chosen by before it.

    The last part's findings come first: they matter most.
    """
    found = []
    names = list(parts)
    for place, name in reversed(list(enumerate(names[1:], 1))):
        for before in names[:place]:
            seen = int(np.isin(kinds[parts[name]], kinds[parts[before]]).sum())
            if seen:
                sentence = (
                    f"{seen} of {len(parts[name])} rows of the {name} part have the features of "
                    f"rows of the {before} part, so that {name} flatters the model: take repeated "
                    "rows out, or keep them together by [split] method group."
                )
                found.append(
                    Finding(
                        check="contamination",
                        severity=severity_of(answer),
                        columns=columns.features,
                        sentence=sentence,
                    )
                )
    return found
