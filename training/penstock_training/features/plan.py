# SPDX-License-Identifier: Apache-2.0
"""What happens to each feature: decided from a spec and what `validate` says the columns are.

It is written to features.json, which all later steps read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from penstock_training.data.columns import Columns
from penstock_training.errors import SpecError
from penstock_training.spec import PipelineSpec, Task
from penstock_training.spec.feature_kinds import KINDS

__all__ = ["Categorical", "ColumnType", "FeaturePlan", "PlannedStep", "plan_of"]

ColumnType = Literal["float", "int", "bool", "string"]

#: Families whose models suffer where numbers are of different sizes.
SCALED_FAMILIES = ("linear", "mlp", "torch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Categorical:
    """A column that is an input of its own, [n, 1]."""

    name: str
    datatype: Literal["BYTES", "INT64"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """A step of the transformation, of named columns."""

    kind: str
    columns: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)
    #: Families that it is for; None: all.
    families: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturePlan:
    """What features.json holds."""

    task: Task
    target: str
    #: Columns of the tensor "features", in order.
    numeric: tuple[str, ...]
    categorical: tuple[Categorical, ...]
    sensitive: tuple[str, ...]
    #: The target's values in order of their numbers; empty for regression.
    classes: tuple[str | int, ...]
    steps: tuple[PlannedStep, ...]
    parity: float

    @property
    def columns(self) -> tuple[str, ...]:
        """The feature columns in the order that a fitted pipeline takes."""
        return (*self.numeric, *(one.name for one in self.categorical))

    @property
    def is_classifier(self) -> bool:
        """Whether classes are predicted."""
        return self.task != "regression"

    def steps_of(self, column: str, family: str) -> tuple[PlannedStep, ...]:
        """What happens to a column before a model of that family, in order."""
        return tuple(
            step
            for step in self.steps
            if column in step.columns and (step.families is None or family in step.families)
        )

    def to_json(self) -> dict[str, Any]:
        """What from_json() takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "FeaturePlan":
        """The plan of a features.json."""
        return cls(
            task=found["task"],
            target=found["target"],
            numeric=tuple(found["numeric"]),
            categorical=tuple(Categorical(**one) for one in found["categorical"]),
            sensitive=tuple(found["sensitive"]),
            classes=tuple(found["classes"]),
            steps=tuple(
                PlannedStep(
                    kind=one["kind"],
                    columns=tuple(one["columns"]),
                    options=dict(one["options"]),
                    families=None if one["families"] is None else tuple(one["families"]),
                )
                for one in found["steps"]
            ),
            parity=found["parity"],
        )


def _refuse_names(names: Sequence[str], columns: Columns) -> None:
    if names and len(names) != len(columns.numeric):
        raise SpecError(
            f"feature_names has {len(names)} names, and the model has {len(columns.numeric)} "
            "numeric columns: wanted a name for each."
        )
    taken = sorted(set(names) & set(columns.categorical))
    if taken:
        raise SpecError(f"feature_names has {taken[0]!r}, which a column of text is called.")


def plan_of(
    spec: PipelineSpec,
    columns: Columns,
    types: Mapping[str, ColumnType],
    classes: Sequence[str | int] = (),
) -> FeaturePlan:
    """The plan for rows of these columns, of these types, whose target takes these classes.

    Raises:
        SpecError: a step does not fit its columns, or [package] feature_names do not.
    """
    _refuse_names(spec.package.feature_names, columns)
    plan = FeaturePlan(
        task=spec.problem.task,
        target=columns.target,
        numeric=columns.numeric,
        categorical=tuple(_categorical(name, types[name]) for name in columns.categorical),
        sensitive=columns.sensitive,
        classes=tuple(classes),
        steps=_steps(spec, columns.numeric, columns.categorical),
        parity=spec.features.parity,
    )
    for family in spec.candidates.used:
        _check_chains(plan, family)
    return plan


def _categorical(name: str, kind: ColumnType) -> Categorical:
    return Categorical(name=name, datatype="INT64" if kind in ("int", "bool") else "BYTES")


def _steps(
    spec: PipelineSpec, numeric: tuple[str, ...], categorical: tuple[str, ...]
) -> tuple[PlannedStep, ...]:
    """The declared steps, then the usual ones of columns that have none."""
    whole = {"numeric": numeric, "categorical": categorical}
    declared = []
    for number, step in enumerate(spec.features.step, 1):
        columns = whole[step.columns] if isinstance(step.columns, str) else step.columns
        strange = [one for one in columns if one not in (*numeric, *categorical)]
        if strange:
            raise SpecError(
                f"[features] step {number} is of {', '.join(strange)}, which is no feature."
            )
        declared.append(
            PlannedStep(
                kind=step.kind, columns=columns, options=step.options, families=step.families
            )
        )
    done = {column for step in declared for column in step.columns}
    plain = tuple(one for one in numeric if one not in done)
    texts = tuple(one for one in categorical if one not in done)
    usual = [
        PlannedStep(kind="impute", columns=plain, options={"strategy": "median"}),
        PlannedStep(kind="standard", columns=plain, families=SCALED_FAMILIES),
        PlannedStep(kind="onehot", columns=texts),
    ]
    return (*declared, *(step for step in usual if step.columns))


def _check_chains(plan: FeaturePlan, family: str) -> None:
    """Raises SpecError if a step is given what it does not take, or a model text."""
    datatypes = {one.name: one.datatype for one in plan.categorical}
    for column in plan.columns:
        state = {"BYTES": "text", "INT64": "integers"}.get(datatypes.get(column, ""), "numbers")
        for step in plan.steps_of(column, family):
            kind = KINDS[step.kind]
            if not _takes(kind.takes, state):
                raise SpecError(
                    f"[features] step {step.kind} takes {kind.takes}, and the column {column} "
                    f"holds {state} there."
                )
            if step.kind == "impute" and state == "integers":
                raise SpecError(
                    f"[features] step impute is of {column}, a categorical column of whole "
                    "numbers, which has none that are missing: leave the step out."
                )
            if step.kind == "impute" and state == "text":
                _check_text_imputation(column, step)
            if kind.makes_numbers:
                state = "numbers"
        if state != "numbers":
            raise SpecError(
                f"[features] no step makes numbers of the categorical column {column} for the "
                f"family {family}: add onehot or ordinal."
            )


def _takes(takes: str, state: str) -> bool:
    return takes == "any" or (state == "numbers") == (takes == "numbers")


def _check_text_imputation(column: str, step: PlannedStep) -> None:
    strategy = step.options.get("strategy", "most_frequent")
    if strategy not in ("most_frequent", "constant"):
        raise SpecError(
            f"[features] step impute with strategy = {strategy!r} is of {column}, which holds "
            "text: wanted most_frequent or constant."
        )
