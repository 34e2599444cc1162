# SPDX-License-Identifier: Apache-2.0
"""Whether a model is good enough to be registered, and why. Pure: numbers in, sentences out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from penstock_training.evaluate.intervals import Estimate
from penstock_training.spec import GroupSpec, ProblemSpec
from penstock_training.spec.problem import is_loss

__all__ = ["Check", "GroupScore", "Verdict", "judge", "judge_latency", "verdict_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupScore:
    """A group's own metric."""

    name: str
    rows: int
    estimate: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One bound, and what was found."""

    #: Such as "metric accuracy", "guardrail recall", "group region = north", "size", "latency".
    name: str
    #: None: it could not be computed, which does not pass.
    found: float | None
    at_least: float | None = None
    at_most: float | None = None
    passed: bool
    #: False: the interval reaches across the bound, so other rows could have said otherwise.
    is_sure: bool = True
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether every check passed."""

    accepted: bool
    checks: tuple[Check, ...]

    @property
    def reasons(self) -> list[str]:
        """A sentence for each check that did not pass."""
        return [check.sentence for check in self.checks if not check.passed]

    def content(self) -> dict[str, Any]:
        """As evaluation.json and timings.json hold it."""
        return {
            "accepted": self.accepted,
            "checks": [asdict(check) for check in self.checks],
            "reasons": self.reasons,
        }


def verdict_of(checks: Iterable[Check]) -> Verdict:
    """Accepted if every check passed."""
    all_checks = tuple(checks)
    return Verdict(accepted=all(check.passed for check in all_checks), checks=all_checks)


def judge(
    problem: ProblemSpec,
    metrics: Mapping[str, Estimate],
    groups: Sequence[tuple[GroupSpec, Sequence[GroupScore]]],
    size_bytes: int,
) -> Verdict:
    """The checks that [problem] asks for, but for the latency's."""
    checks = []
    if problem.threshold is not None:
        bounds = _bounds(problem.metric, problem.threshold)
        checks.append(_check(f"metric {problem.metric}", metrics[problem.metric], *bounds))
    for guard in problem.guardrails:
        name = f"guardrail {guard.metric}"
        checks.append(_check(name, metrics[guard.metric], guard.at_least, guard.at_most))
    for spec, scores in groups:
        if spec.at_least is None and spec.at_most is None:
            continue
        for score in scores:
            if score.rows >= spec.rows_min:
                name = f"{spec.metric} of group {score.name}"
                checks.append(_check(name, score.estimate, spec.at_least, spec.at_most))
    if problem.size_bytes_max is not None:
        size, bound = float(size_bytes), float(problem.size_bytes_max)
        checks.append(_check("size of model.onnx in bytes", Estimate(value=size), None, bound))
    return verdict_of(checks)


def judge_latency(problem: ProblemSpec, median_us: float) -> Verdict:
    """The one check on what is timed."""
    if problem.latency_us_max is None:
        return verdict_of([])
    name = "latency of one row in microseconds"
    return verdict_of([_check(name, Estimate(value=median_us), None, problem.latency_us_max)])


def _bounds(metric: str, threshold: float) -> tuple[float | None, float | None]:
    return (None, threshold) if is_loss(metric) else (threshold, None)


def _check(name: str, estimate: Estimate, at_least: float | None, at_most: float | None) -> Check:
    value = estimate.value
    is_defined = value == value
    passed = is_defined and (at_least is None or value >= at_least)
    passed = passed and (at_most is None or value <= at_most)
    return Check(
        name=name,
        found=value if is_defined else None,
        at_least=at_least,
        at_most=at_most,
        passed=passed,
        is_sure=not _reaches_across(estimate, at_least, at_most),
        sentence=_sentence(name, estimate, at_least, at_most, passed=passed),
    )


def _reaches_across(estimate: Estimate, at_least: float | None, at_most: float | None) -> bool:
    if estimate.low is None or estimate.high is None:
        return False
    return any(
        bound is not None and estimate.low < bound < estimate.high for bound in (at_least, at_most)
    )


def _sentence(
    name: str,
    estimate: Estimate,
    at_least: float | None,
    at_most: float | None,
    *,
    passed: bool,
) -> str:
    wanted = " and ".join(
        f"{words} {bound:.6g}"
        for words, bound in (("at least", at_least), ("at most", at_most))
        if bound is not None
    )
    if estimate.value != estimate.value:
        return f"{name} cannot be computed of these rows, wanted {wanted}."
    found = f"{estimate.value:.6g}"
    if estimate.low is not None and estimate.high is not None:
        found += f" ({estimate.low:.4g} to {estimate.high:.4g})"
    ending = "" if passed else ": missed"
    return f"{name} is {found}, wanted {wanted}{ending}."
