# SPDX-License-Identifier: Apache-2.0
"""What a reference profile tells of the target and of the model's answers, as its JSON has it."""

from typing import Any

import numpy as np

from penstock.profile import number_places
from penstock.profile.features import EDGES_MAX
from penstock_monitoring.edges import bins_of, isotonic, quantile_edges
from penstock_monitoring.held_out import Reference
from penstock_monitoring.profile_features import means
from penstock_monitoring.rounded import rounded

__all__ = ["scores_of", "target_of"]

SCORE_BINS = 20


def target_of(reference: Reference) -> dict[str, Any] | None:
    """How what was true is spread; None: nobody knows."""
    if reference.truth is None:
        return None
    if reference.classes:
        return {
            "kind": "classes",
            "classes": list(reference.classes),
            "counts": [int(np.sum(reference.truth == name)) for name in reference.classes],
        }
    truth = reference.truth.astype(np.float64)
    edges = quantile_edges(truth.astype(np.float32), bins_of(len(truth)))
    places = number_places(truth, edges)
    return {
        "kind": "numbers",
        "edges": edges,
        "counts": np.bincount(places, minlength=len(edges) + 1).tolist(),
        "mean": rounded(truth.mean()),
        "variance": rounded(truth.var()),
    }


def scores_of(reference: Reference, place: int) -> dict[str, Any]:
    """The answer number `place`, in bins."""
    assert reference.answered is not None
    answered = reference.answered[:, place].astype(np.float32)
    edges = quantile_edges(answered, min(SCORE_BINS, bins_of(len(answered)), EDGES_MAX + 1))
    places = number_places(answered, edges)
    counts = np.bincount(places, minlength=len(edges) + 1)
    lost = None if reference.losses is None else means(places, counts, reference.losses)
    found: dict[str, Any] = {
        "answer": None,
        "edges": edges,
        "counts": counts.tolist(),
        "hits": [],
        "calibrated": [],
        "loss": [
            rounded(lost[b]) if rows and lost is not None else None for b, rows in enumerate(counts)
        ],
    }
    if reference.classes:
        name = reference.answers[place]
        found["answer"] = name
        if reference.truth is not None:
            hits = np.bincount(places[reference.truth == name], minlength=len(counts))
            found["hits"] = hits.tolist()
            found["calibrated"] = [rounded(share) for share in isotonic(hits, counts)]
    return found
