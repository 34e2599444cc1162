# SPDX-License-Identifier: Apache-2.0
"""A model in one form, judged: its metric, its size, and where its error comes from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from penstock.errors import QuantizeError
from penstock.native.artifact import Array, CompiledModel
from penstock.native.quantize.data import Rows
from penstock.native.quantize.forms import LayerForm, form_for, in_forms
from penstock.native.quantize.layers import (
    Layer,
    chunks,
    float_layers,
    sqnr_db,
    traced,
)
from penstock.native.quantize.metrics import Metric, chosen_output, score
from penstock.native.quantize.ranges import RangeChoice, static_input
from penstock.native.reference import evaluate, run_step

__all__ = ["FORMS", "Bench", "Form", "LayerReport", "Trial"]

#: What can be chosen, the fastest first as far as one can know before it is measured.
Form = Literal["int8-static", "int8-dynamic", "mixed", "int4", "bf16", "fp32"]
FORMS: tuple[Form, ...] = ("int8-static", "int8-dynamic", "mixed", "int4", "bf16", "fp32")

#: So many rows say which layer hurts most.
SENSITIVITY_ROWS = 512

Forms = Mapping[int, LayerForm]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerReport:
    """A layer in its form. Errors are at what it writes, in decibels below it; None: no error.

    `own_sqnr_db` is of this layer alone, on what it would read unquantised; `sqnr_db` is of it and
    all layers before it.
    """

    name: str
    inputs: int
    outputs: int
    form: str
    own_sqnr_db: float | None
    sqnr_db: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """One form of the model. `note` says how it was made; `latency_us` is by rows of a call."""

    form: Form
    model: CompiledModel
    forms: Forms
    score: float
    drop: float
    passes: bool
    note: str = ""
    layers: tuple[LayerReport, ...] = ()
    latency_us: dict[int, float] = field(default_factory=dict)

    @property
    def file_bytes(self) -> int:
        """Of the compiled model's file."""
        return len(self.model.content)


class Bench:
    """What every trial of one model shares: its layers, what they read, and the rows that judge."""

    def __init__(
        self,
        model: CompiledModel,
        *,
        calibration: Rows,
        judging: Rows,
        metric: Metric,
        output: str,
        max_drop: float,
    ) -> None:
        self.model = model
        self.layers = float_layers(model)
        self.metric = metric
        self.max_drop = max_drop
        self._calibration = calibration
        self._judging = judging
        self._port = chosen_output(model, metric, output).name
        watched = {layer.reads for layer in self.layers} | {layer.writes for layer in self.layers}
        self._true = traced(model, calibration.inputs, watched)
        self._check_finite()
        answers = self._answers(model)
        self._right = (
            answers if judging.labels is None or not metric.needs_labels else judging.labels
        )
        self.baseline = score(metric, answers, self._right)

    @property
    def output(self) -> str:
        """The output that the metric is taken of."""
        return self._port

    def forms(self, form: LayerForm) -> Forms:
        """Every layer in one form, as far as it can have it; `int8-static` has its range by now."""
        return {layer.place: form_for(layer, form) for layer in self.layers}

    def static_forms(self, choice: RangeChoice) -> Forms:
        """Every layer with a static scale of the range that `choice` finds in what it reads."""
        return {
            layer.place: form_for(
                layer,
                LayerForm(name="int8-static", input=static_input(self._true[layer.reads], choice)),
            )
            for layer in self.layers
        }

    def trial(self, form: Form, forms: Forms, *, note: str = "") -> Trial:
        """The model in `forms`, judged, as yet without a look at its layers."""
        made = in_forms(self.model, self.layers, forms)
        found = score(self.metric, self._answers(made), self._right)
        drop = self.metric.drop(self.baseline, found)
        return Trial(
            form=form,
            model=made,
            forms=forms,
            score=found,
            drop=drop,
            passes=drop <= self.max_drop + 1e-12,
            note=note,
        )

    def layer_reports(self, trial: Trial) -> tuple[LayerReport, ...]:
        """Where the error of a trial comes from, on the calibration rows."""
        found = traced(
            trial.model, self._calibration.inputs, {layer.writes for layer in self.layers}
        )
        reports = []
        for layer in self.layers:
            step = trial.model.manifest.steps[layer.place]
            own = run_step(trial.model, step, [self._true[layer.reads]])
            right = self._true[layer.writes]
            form = trial.forms.get(layer.place)
            reports.append(
                LayerReport(
                    name=layer.name,
                    inputs=layer.inputs,
                    outputs=layer.outputs,
                    form="fp32" if form is None else form.name,
                    own_sqnr_db=sqnr_db(right, own),
                    sqnr_db=sqnr_db(right, found[layer.writes]),
                )
            )
        return tuple(reports)

    def output_sqnr_db(self, trial: Trial) -> float:
        """The error of a trial at the last layer, on the calibration rows."""
        last = self.layers[-1].writes
        found = sqnr_db(
            self._true[last], traced(trial.model, self._calibration.inputs, {last})[last]
        )
        return np.inf if found is None else found

    def worst_first(self, forms: Forms) -> list[Layer]:
        """The layers by what each alone, in its form, does to the last layer's output."""
        last = self.layers[-1].writes
        some = self._calibration.take(np.arange(min(SENSITIVITY_ROWS, len(self._calibration))))
        right = self._true[last][: len(some)]

        def error_of(layer: Layer) -> float:
            alone = in_forms(self.model, self.layers, {layer.place: forms[layer.place]})
            found = sqnr_db(right, traced(alone, some.inputs, {last})[last])
            return np.inf if found is None else found

        return sorted(self.layers, key=error_of)

    def _answers(self, model: CompiledModel) -> Array:
        parts = [evaluate(model, chunk)[self._port] for chunk in chunks(self._judging.inputs)]
        return np.concatenate(parts)

    def _check_finite(self) -> None:
        for layer in self.layers:
            is_bad = np.logical_not(np.isfinite(self._true[layer.reads]).all(axis=1))
            if not is_bad.any():
                continue
            rows = f"{int(is_bad.sum())} of {len(is_bad)} rows"
            for name, array in self._calibration.inputs.items():
                if array.dtype.kind == "f" and not np.isfinite(array).all():
                    raise QuantizeError(
                        f"input {name!r} holds NaN or infinity, which reaches layer {layer.name!r} "
                        f"in {rows}: wanted rows as the model is to see them; leave these out."
                    )
            raise QuantizeError(
                f"layer {layer.name!r} reads NaN or infinity in {rows}: the model itself overflows "
                "on this data."
            )
