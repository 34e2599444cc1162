# SPDX-License-Identifier: Apache-2.0
"""Tries all families that a spec names, each within its share of the time."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from penstock_training.candidates.outcome import TrialSetting
from penstock_training.candidates.search import Found, InProcess, Runner, search
from penstock_training.candidates.tables import Parts, transformed_for
from penstock_training.errors import CandidateError
from penstock_training.features import FeaturePlan
from penstock_training.spec import PipelineSpec

__all__ = ["Tried", "try_families"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What became of the families."""

    found: dict[str, Found] = field(default_factory=dict)
    #: Family -> why it has no model.
    failures: dict[str, str] = field(default_factory=dict)
    #: Family -> how long it took.
    seconds: dict[str, float] = field(default_factory=dict)


def try_families(
    spec: PipelineSpec,
    plan: FeaturePlan,
    parts: Parts,
    *,
    storage: Path,
    note: Callable[[str], None],
    count: Callable[[int, int], None],
) -> Tried:
    """Search each family's parameters; a family without a model is noted, and the others go on.

    Raises:
        CandidateError: the cluster does not answer, or a library is not there.
    """
    if spec.candidates.automl:
        return _by_flaml(spec, plan, parts, note, count)
    tried = Tried()
    families = spec.candidates.used
    begin = time.monotonic()
    with _runner(spec) as runner:
        for number, family in enumerate(families):
            since = time.monotonic()
            done, total = number * spec.search.trials, len(families) * spec.search.trials

            def tell(trials: int, done: int = done, total: int = total) -> None:
                count(done + trials, total)

            try:
                tried.found[family] = search(
                    _setting(family, spec, plan, parts),
                    storage=storage,
                    runner=runner,
                    deadline=_deadline(spec, begin, since, len(families) - number),
                    count=tell,
                )
                note(f"{family}: {spec.problem.metric} {tried.found[family].score:.6g}")
            except CandidateError as error:
                tried.failures[family] = str(error)
                note(str(error))
            tried.seconds[family] = round(time.monotonic() - since, 3)
    return tried


def _setting(family: str, spec: PipelineSpec, plan: FeaturePlan, parts: Parts) -> TrialSetting:
    rows = transformed_for(family, parts, plan, class_weight=spec.candidates.class_weight)
    return TrialSetting(family=family, rows=rows, spec=spec, plan=plan)


def _deadline(spec: PipelineSpec, begin: float, now: float, families_left: int) -> float | None:
    """When a family's share of the time that is left ends."""
    if spec.search.seconds is None:
        return None
    return now + max(begin + spec.search.seconds - now, 0) / families_left


@contextmanager
def _runner(spec: PipelineSpec) -> Iterator[Runner]:
    address = spec.search.ray_address
    if address is None:
        yield InProcess()
        return
    try:
        from penstock_training.candidates.cluster import connected
    except ImportError as error:
        raise CandidateError(
            f"[search] ray_address needs Ray, which cannot be imported ({error}): "
            "pip install 'penstock[ray]'."
        ) from None
    with connected(address) as runner:
        yield runner


def _by_flaml(
    spec: PipelineSpec,
    plan: FeaturePlan,
    parts: Parts,
    note: Callable[[str], None],
    count: Callable[[int, int], None],
) -> Tried:
    try:
        from penstock_training.candidates.automl import FAMILIES, choose
    except ImportError as error:
        raise CandidateError(
            f"[candidates] automl needs FLAML, which cannot be imported ({error}): "
            "pip install 'penstock[automl]'."
        ) from None
    total = spec.search.trials * len(FAMILIES)
    begin = time.monotonic()
    found = choose(
        lambda family: _setting(family, spec, plan, parts),
        seconds=spec.search.seconds,
        count=lambda done: count(done, total),
    )
    for family, one in found.items():
        note(f"{family}: {spec.problem.metric} {one.score:.6g}")
    return Tried(found=found, seconds={"all": round(time.monotonic() - begin, 3)})
