# SPDX-License-Identifier: Apache-2.0
"""What is watched of a version: from its profile and its signature to a layout. Pure.

Features are found by their names. A profile of which nothing fits is of another version.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from penstock.drift.columns import (
    EMBEDDING_WIDTH,
    FLOATS,
    SignatureColumn,
    VersionSignature,
    WatchedTensor,
    columns_of,
)
from penstock.drift.layout import Layout, WatchedColumn
from penstock.errors import MonitoringError
from penstock.profile import (
    CategoricalFeature,
    NumericFeature,
    ReferenceProfile,
    ScoreBins,
    SensitiveFeature,
)

__all__ = ["COLUMNS_MAX", "Planned", "learning_layout", "profile_layout"]

#: Of one version.
COLUMNS_MAX = 10_000
#: Names in one sentence.
NAMES_MAX = 5
#: Letters of each.
NAME_MAX = 80
WHOLE = frozenset(
    {"BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"}
)

Feature = NumericFeature | CategoricalFeature | SensitiveFeature


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A layout, and sentences about what is not in it."""

    layout: Layout
    notes: tuple[str, ...] = ()


def profile_layout(
    signature: VersionSignature, profile: ReferenceProfile, *, sensitive: Sequence[str] = ()
) -> Planned:
    """The columns that a profile knows: its features, then its scores, in its order.

    `sensitive`: columns, or whole inputs, that are so besides.

    Raises MonitoringError if the version has none of them.
    """
    known = {one.name: one for one in columns_of(signature)}
    in_order = _in_order(signature, profile, known)
    known |= in_order
    notes: list[str] = []
    if in_order:
        notes.append("Columns of the input have no names: they are taken in the profile's order.")
    columns: list[WatchedColumn] = []
    gone: list[str] = []
    unlike: list[str] = []
    for feature in profile.features:
        found = known.get(feature.name)
        if found is None:
            gone.append(feature.name)
        elif (made := _feature_column(feature, found, sensitive)) is None:
            unlike.append(
                f"{feature.name} is {feature.kind} in the profile and {_kind(found)} here"
            )
        else:
            columns.append(made)
    if profile.features and not columns:
        raise MonitoringError(_of_another(gone, unlike), code="FAILED_PRECONDITION")
    if gone:
        notes.append(f"The version has no column {_listed(gone)} of the profile: not watched.")
    if unlike:
        notes.append(f"Not watched, for types differ: {_listed(unlike)}.")
    watched = {column.name for column in columns}
    new = _new_columns(signature, known, watched, {one.name for one in profile.features})
    if new:
        notes.append(f"The profile has no column {_listed(new)} of the version: not watched.")
    scores, note = _score_columns(signature, profile.scores, watched)
    columns += scores
    notes += note
    if not columns:
        raise MonitoringError(
            "the profile has neither features nor scores of this version: wanted one of them.",
            code="FAILED_PRECONDITION",
        )
    return _bounded(columns, notes)


def learning_layout(signature: VersionSignature, *, sensitive: Sequence[str] = ()) -> Planned:
    """The columns of a version of which no reference is known: of bounded width, without bins."""
    notes = [
        f"Rows of {tensor.name} {tensor.lack}: it is not watched."
        for tensor in signature.tensors
        if tensor.width is None
    ]
    columns = [
        _present(one) if one.is_sensitive(sensitive) else _column(one)
        for one in columns_of(signature)
        if _is_learnt(one, sensitive)
    ]
    return _bounded(columns, notes)


# --- columns ---


def _column(found: SignatureColumn) -> WatchedColumn:
    return WatchedColumn(
        name=found.name,
        tensor=found.tensor.name,
        is_output=found.tensor.is_output,
        reading=found.reading,
        element=found.element,
    )


def _present(found: SignatureColumn) -> WatchedColumn:
    return replace(_column(found), reading="present", is_sensitive=True)


def _feature_column(
    feature: Feature, found: SignatureColumn, sensitive: Sequence[str]
) -> WatchedColumn | None:
    """None: the version's column is of another kind."""
    column = _column(found)
    datatype = found.tensor.datatype
    if isinstance(feature, SensitiveFeature) or found.is_sensitive(sensitive):
        return _present(found) if found.reading in ("number", "category") else None
    if isinstance(feature, CategoricalFeature):
        if (datatype == "BYTES") != (feature.datatype == "BYTES") or datatype in FLOATS:
            return None
        if found.reading not in ("number", "category"):
            return None
        return replace(column, reading="category", categories=feature.categories)
    if found.reading == "category":
        return None
    return replace(
        column,
        edges=feature.edges,
        minimum=feature.minimum,
        maximum=feature.maximum,
        shift=feature.mean or 0.0,
    )


def _is_learnt(found: SignatureColumn, sensitive: Sequence[str]) -> bool:
    tensor = found.tensor
    assert tensor.width is not None
    is_wide = tensor.width > EMBEDDING_WIDTH and not tensor.names
    is_summary = found.reading in ("norm", "projection")
    is_told = found.reading in ("number", "category") or not found.is_sensitive(sensitive)
    return is_told and is_wide == is_summary


def _in_order(
    signature: VersionSignature, profile: ReferenceProfile, known: dict[str, SignatureColumn]
) -> dict[str, SignatureColumn]:
    """Features by the order of elements, where a version without names leaves nothing else."""
    names = [one.name for one in profile.features if _may_be_number(one)]
    inputs = [one for one in signature.tensors if not one.is_output]
    wide = [one for one in inputs if one.datatype in FLOATS and one.width == len(names)]
    if signature.is_named or len(wide) != 1 or any(name in known for name in names):
        return {}
    return {
        name: SignatureColumn(
            name=name, tensor=wide[0], reading="number", element=element, base=name
        )
        for element, name in enumerate(names)
    }


def _may_be_number(feature: Feature) -> bool:
    return isinstance(feature, NumericFeature) or (
        isinstance(feature, SensitiveFeature) and feature.datatype == "FP32"
    )


# --- scores ---


def _score_columns(
    signature: VersionSignature, scores: Sequence[ScoreBins], watched: set[str]
) -> tuple[list[WatchedColumn], list[str]]:
    """A column for each score that an output has, but those among the features already."""
    columns: list[WatchedColumn] = []
    missing: list[str] = []
    for place, score in enumerate(scores):
        found = _score_place(signature, scores, place)
        name = "the prediction" if score.answer is None else str(score.answer)
        if found is None:
            missing.append(name)
            continue
        output, element = found
        called = output.name if score.answer is None else f"{output.name}[{score.answer}]"
        if called in watched:
            called = f"{called} (output)"
        columns.append(
            WatchedColumn(
                name=called,
                tensor=output.name,
                is_output=True,
                reading="number",
                element=element,
                edges=score.edges,
            )
        )
    if not missing:
        return columns, []
    return columns, [f"No output has the answer {_listed(missing)} of the profile: not watched."]


def _score_place(
    signature: VersionSignature, scores: Sequence[ScoreBins], place: int
) -> tuple[WatchedTensor, int] | None:
    """The output and the element that are a score: by the class's name, else by the order."""
    outputs = [one for one in signature.tensors if one.is_output and one.datatype in FLOATS]
    answer = scores[place].answer
    for one in outputs:
        if answer is not None and f"{one.name}[{answer}]" in one.names:
            return one, one.names.index(f"{one.name}[{answer}]")
    for one in outputs:
        if one.width == len(scores) and not one.names:
            return one, place
    return None


# --- sentences ---


def _new_columns(
    signature: VersionSignature,
    known: dict[str, SignatureColumn],
    watched: set[str],
    told: set[str],
) -> list[str]:
    """Inputs' columns that a profile of named columns says nothing of."""
    if not signature.is_named:
        return []
    return [
        name
        for name, one in known.items()
        if not one.tensor.is_output
        and one.reading in ("number", "category")
        and name not in watched
        and name not in told
        and (one.tensor.width or 0) <= EMBEDDING_WIDTH
    ]


def _kind(found: SignatureColumn) -> str:
    if found.reading == "category":
        return "text"
    return "whole numbers" if found.tensor.datatype in WHOLE else "numbers"


def _of_another(gone: Sequence[str], unlike: Sequence[str]) -> str:
    why = f"it has {_listed(gone)}" if gone else _listed(unlike)
    return (
        f"the profile is of another schema: the version has none of its columns ({why}). Make a "
        "profile of this version's rows."
    )


def _listed(names: Iterable[str]) -> str:
    told = [one if len(one) <= NAME_MAX else f"{one[:NAME_MAX]}..." for one in names]
    more = f" and {len(told) - NAMES_MAX} more" if len(told) > NAMES_MAX else ""
    return ", ".join(told[:NAMES_MAX]) + more


def _bounded(columns: Sequence[WatchedColumn], notes: Iterable[str]) -> Planned:
    def all_notes() -> Iterator[str]:
        yield from notes
        if len(columns) > COLUMNS_MAX:
            yield f"The first {COLUMNS_MAX} of {len(columns)} columns are watched."

    layout = Layout(columns=tuple(columns[:COLUMNS_MAX]))
    return Planned(layout=layout, notes=tuple(all_notes()))
