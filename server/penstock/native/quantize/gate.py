# SPDX-License-Identifier: Apache-2.0
"""The accuracy gate: every form is tried, and the fastest that passes is kept.

Half of the rows, at most CALIBRATION_ROWS, calibrate; the others judge. Where there are fewer than
FEW_ROWS, all do both.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from penstock.errors import QuantizeError
from penstock.native.artifact import Array, CompiledModel
from penstock.native.quantize.data import Rows
from penstock.native.quantize.forms import LayerForm
from penstock.native.quantize.metrics import metric_named
from penstock.native.quantize.ranges import RANGE_CHOICES, RangeChoice
from penstock.native.quantize.trials import FORMS, Bench, Form, Trial

__all__ = ["GatePlan", "Measure", "Verdict", "plan_of", "run_gate"]

CALIBRATION_ROWS = 2048
JUDGING_ROWS = 1 << 17
FEW_ROWS = 32
#: A mixed form is tried with so many numbers of layers kept, at most.
MIXED_TRIES = 12
#: Latencies within this part of the least count as equal.
SAME_LATENCY = 0.03

#: Microseconds of a call, by its rows; none: the model cannot be run here.
Measure = Callable[[CompiledModel, Mapping[str, Array]], dict[int, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePlan:
    """What the caller asks for. `ranges` ends the search for the best ones; `rows` are of a call
    whose latency decides.
    """

    metric: str = "agreement"
    max_drop: float = 0.001
    output: str = ""
    forms: tuple[Form, ...] = FORMS
    ranges: tuple[RangeChoice, ...] = RANGE_CHOICES
    rows: int = 1

    def __post_init__(self) -> None:
        metric_named(self.metric)
        if not 0 <= self.max_drop < np.inf:
            raise QuantizeError(f"the greatest drop is {self.max_drop}: wanted 0 or more.")


def plan_of(*, metric: str, max_drop: float, output: str, forms: str, rows: int) -> GatePlan:
    """A plan from a command's words: `forms` have commas between them, none are all."""
    named = [form.strip() for form in forms.split(",") if form.strip()]
    known: tuple[Form, ...] = tuple(form for form in FORMS if form in named)
    if unknown := [form for form in named if form not in FORMS]:
        raise QuantizeError(
            f"forms: wanted some of {', '.join(FORMS)}; found {', '.join(unknown)}."
        )
    return GatePlan(
        metric=metric, max_drop=max_drop, output=output, forms=known or FORMS, rows=rows
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """What the gate found. `chosen` is one of `trials`, or None; `skipped` says why by form."""

    plan: GatePlan
    baseline: float
    output: str
    label_name: str
    rows_calibrated: int
    rows_judged: int
    rows_are_shared: bool
    trials: tuple[Trial, ...]
    chosen: Trial | None
    skipped: dict[Form, str] = field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """What a reader of the numbers should know."""
        notes = []
        if self.rows_are_shared:
            notes.append(
                f"{self.rows_judged} rows are few: the same calibrated and judged. Give more."
            )
        is_counted = self.plan.metric in ("accuracy", "f1", "agreement")
        if is_counted and 0 < self.plan.max_drop < 1 / self.rows_judged:
            notes.append(
                f"One row of {self.rows_judged} weighs more than --max-drop "
                f"{self.plan.max_drop:g}: a form passes only if no row gets worse."
            )
        passing = [trial for trial in self.trials if trial.passes]
        if not all(self.plan.rows in trial.latency_us for trial in passing):
            notes.append("Not every form that passes was measured: they rank as they usually do.")
        return notes

    @property
    def refusal(self) -> str:
        """Why there is nothing to keep; "" if there is."""
        if self.chosen is not None:
            return ""
        nearest = min(self.trials, key=lambda trial: trial.drop)
        return (
            f"no form keeps {self.plan.metric} within {self.plan.max_drop:g} of "
            f"{self.baseline:.6g}; the nearest is {nearest.form} at {nearest.score:.6g}, "
            f"{nearest.drop:.3g} worse: allow more by --max-drop, or other forms by --forms."
        )


def run_gate(
    model: CompiledModel,
    rows: Rows,
    plan: GatePlan,
    *,
    measure: Measure | None = None,
    say: Callable[[str], None] = lambda what: None,
) -> Verdict:
    """Tries the forms of `plan`. Raises QuantizeError if the data does not fit model or metric."""
    calibration, judging, is_shared = _split(rows)
    say("calibrating")
    bench = Bench(
        model,
        calibration=calibration,
        judging=judging,
        metric=metric_named(plan.metric),
        output=plan.output,
        max_drop=plan.max_drop,
    )
    trials, skipped = _all_trials(bench, plan, say)
    finished = []
    for trial in trials:
        say(f"measuring {trial.form}")
        latency = measure(trial.model, judging.inputs) if measure else {}
        finished.append(replace(trial, layers=bench.layer_reports(trial), latency_us=latency))
    return Verdict(
        plan=plan,
        baseline=bench.baseline,
        output=bench.output,
        label_name=rows.label_name if bench.metric.needs_labels else "",
        rows_calibrated=len(calibration),
        rows_judged=len(judging),
        rows_are_shared=is_shared,
        trials=tuple(finished),
        chosen=_fastest(finished, plan.rows),
        skipped=skipped,
    )


def _split(rows: Rows) -> tuple[Rows, Rows, bool]:
    if len(rows) < FEW_ROWS:
        return rows, rows, True
    places = np.random.default_rng(0).permutation(len(rows))
    first = min(len(rows) // 2, CALIBRATION_ROWS)
    return rows.take(places[:first]), rows.take(places[first:][:JUDGING_ROWS]), False


def _all_trials(
    bench: Bench, plan: GatePlan, say: Callable[[str], None]
) -> tuple[list[Trial], dict[Form, str]]:
    found: dict[Form, Trial] = {}
    skipped: dict[Form, str] = {}
    for form in sorted(plan.forms, key=FORMS.index):
        say(f"trying {form}")
        if form == "int8-static":
            found[form] = _best_static(bench, plan)
        elif form == "int8-dynamic":
            found[form] = bench.trial(form, bench.forms(LayerForm(name="int8-dynamic")))
        elif form == "int4":
            found[form] = _four_bits(bench)
        elif form == "bf16":
            found[form] = bench.trial(form, bench.forms(LayerForm(name="bf16")))
        elif form == "fp32":
            found[form] = bench.trial(form, {}, note="as it is")
        elif why := _why_not_mixed(bench, found):
            skipped[form] = why
        else:
            found[form] = _mixed(bench, plan, found, say)
    return [found[form] for form in FORMS if form in found], skipped


def _best_static(bench: Bench, plan: GatePlan) -> Trial:
    tried = [
        bench.trial("int8-static", bench.static_forms(choice), note=f"range: {choice}")
        for choice in plan.ranges
    ]
    # Not by the metric among those that pass: the rows that judge are not to calibrate as well.
    return max(tried, key=lambda trial: (trial.passes, bench.output_sqnr_db(trial)))


def _four_bits(bench: Bench) -> Trial:
    forms = bench.forms(LayerForm(name="int4"))
    others = sum(form.name != "int4" for form in forms.values())
    note = f"{others} of {len(forms)} layers, of odd width, in int8-dynamic" if others else ""
    return bench.trial("int4", forms, note=note)


def _why_not_mixed(bench: Bench, found: Mapping[Form, Trial]) -> str:
    if len(bench.layers) == 1:
        return "the model has a single dense layer"
    if (static := found.get("int8-static")) is not None and static.passes:
        return "int8-static passes with all layers"
    return ""


def _mixed(
    bench: Bench, plan: GatePlan, found: Mapping[Form, Trial], say: Callable[[str], None]
) -> Trial:
    """The worst layers in bf16, or in fp32 if bf16 is not good enough; as few as pass."""
    int8 = [found[form] for form in ("int8-static", "int8-dynamic") if form in found]
    start = min(int8, key=lambda trial: trial.drop) if int8 else _best_static(bench, plan)
    all_high = bench.trial("bf16", bench.forms(LayerForm(name="bf16")))
    high = LayerForm(name="bf16" if all_high.passes else "fp32")
    order = bench.worst_first(start.forms)
    counts = np.unique(np.linspace(1, len(order) - 1, MIXED_TRIES).astype(int)).tolist()
    for kept in counts:
        say(f"trying mixed, {kept} of {len(order)} layers in {high.name}")
        forms = {**start.forms, **{layer.place: high for layer in order[:kept]}}
        names = ", ".join(layer.name for layer in order[:kept][:3]) + (", ..." if kept > 3 else "")
        note = f"{start.form}, but {names} in {high.name}"
        trial = bench.trial("mixed", forms, note=note)
        if trial.passes:
            break
    return trial


def _fastest(trials: list[Trial], rows: int) -> Trial | None:
    """Of those that pass the one with the least latency; of equals the first.

    Where one of them was not measured, the first.
    """
    passing = [trial for trial in trials if trial.passes]
    measured = [trial for trial in passing if rows in trial.latency_us]
    if not passing or len(measured) < len(passing):
        return passing[0] if passing else None
    least = min(trial.latency_us[rows] for trial in measured)
    return next(trial for trial in measured if trial.latency_us[rows] <= least * (1 + SAME_LATENCY))
