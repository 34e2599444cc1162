# SPDX-License-Identifier: Apache-2.0
"""From a profile and a signature to what is watched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from penstock.drift.columns import EMBEDDING_WIDTH, VersionSignature, columns_of, watched_tensors
from penstock.drift.course import course_of
from penstock.drift.files import VersionFiles
from penstock.drift.layout import PROJECTIONS, WatchedColumn
from penstock.drift.plan import COLUMNS_MAX, learning_layout, profile_layout
from penstock.drift.settings import MonitoringSettings
from penstock.errors import MonitoringError
from penstock.package.signature import ModelSignature
from penstock.profile import ReferenceProfile
from penstock.repository.plan import TensorPlan
from penstock_monitoring.profile import Column, Reference, build_profile


def tensor(name: str, datatype: str, *dims: int) -> TensorPlan:
    return TensorPlan(name=name, datatype=datatype, dims=dims)


def signature(
    inputs: list[TensorPlan],
    outputs: list[TensorPlan] | None = None,
    told: dict[str, Any] | None = None,
    *,
    has_batches: bool = True,
) -> VersionSignature:
    made = ModelSignature.model_validate(told) if told else None
    return watched_tensors(inputs, outputs or [], has_batches=has_batches, signature=made)


TOWNS = signature(
    [tensor("features", "FP32", 2), tensor("town", "BYTES", 1), tensor("creed", "BYTES", 1)],
    [tensor("label", "INT64"), tensor("probabilities", "FP32", 2)],
    {
        "inputs": [
            {
                "name": "features",
                "datatype": "FP32",
                "shape": [-1, 2],
                "columns": ["age", "income"],
                "sensitive": ["income"],
            },
            {"name": "town", "datatype": "BYTES", "shape": [-1, 1]},
            {"name": "creed", "datatype": "BYTES", "shape": [-1, 1], "sensitive": ["creed"]},
        ],
        "outputs": [
            {"name": "label", "datatype": "INT64", "shape": [-1]},
            {
                "name": "probabilities",
                "datatype": "FP32",
                "shape": [-1, 2],
                "classes": ["no", "yes"],
            },
        ],
    },
)
ROWS = 200


def profile(*columns: Column, answers: list[str | int] | None = None) -> ReferenceProfile:
    draws = np.random.default_rng(3)
    answers = ["no", "yes"] if answers is None else answers
    answered = draws.dirichlet([1] * len(answers), ROWS) if len(answers) > 1 else None
    return build_profile(
        Reference(
            model="m",
            columns=columns,
            answers=answers,
            answered=draws.random((ROWS, 1)) if answered is None else answered,
            losses=draws.random(ROWS),
            truth=draws.choice(answers, ROWS) if answered is not None else draws.random(ROWS),
            classes=answers if answered is not None else (),
        )
    )


def numbers(name: str, **more: Any) -> Column:
    values = np.random.default_rng(len(name)).normal(10, 2, ROWS).astype(np.float32)
    return Column(name=name, datatype="FP32", values=values, **more)


def texts(name: str, **more: Any) -> Column:
    values = np.array(["Ulm", "Bonn"] * (ROWS // 2), object)
    return Column(name=name, datatype="BYTES", values=values, **more)


def named(columns: tuple[WatchedColumn, ...]) -> dict[str, WatchedColumn]:
    return {one.name: one for one in columns}


def test_features_are_found_by_name_and_scores_by_class() -> None:
    told = profile(numbers("income"), texts("town"), numbers("age"))
    planned = profile_layout(TOWNS, told)
    found = named(planned.layout.columns)
    assert list(found) == ["income", "town", "age", "probabilities[no]", "probabilities[yes]"]
    age, town = found["age"], found["town"]
    feature = told.features[2]
    assert feature.kind == "numeric"
    assert (age.tensor, age.element, age.reading, age.is_output) == ("features", 0, "number", False)
    assert (age.edges, age.minimum, age.shift) == (feature.edges, feature.minimum, feature.mean)
    assert (town.reading, set(town.categories)) == ("category", {"Ulm", "Bonn"})
    yes = found["probabilities[yes]"]
    assert (yes.tensor, yes.element, yes.is_output) == ("probabilities", 1, True)
    assert yes.edges == told.scores[1].edges
    assert planned.notes == ("The profile has no column creed of the version: not watched.",)


def test_what_is_sensitive_by_profile_package_or_settings_is_read_as_present() -> None:
    told = profile(numbers("income"), numbers("age", is_sensitive=True), texts("town"))
    planned = profile_layout(TOWNS, told, sensitive=["town"])
    for column in planned.layout.columns[:3]:
        assert (column.reading, column.is_sensitive) == ("present", True), column.name
        assert (column.edges, column.categories, column.minimum) == ((), (), None)


def test_a_feature_that_vanished_is_told_and_the_others_are_watched() -> None:
    planned = profile_layout(TOWNS, profile(numbers("age"), numbers("height"), texts("creed")))
    assert [one.name for one in planned.layout.columns[:2]] == ["age", "creed"]
    assert planned.notes[0] == "The version has no column height of the profile: not watched."


def test_a_column_of_another_kind_is_told_and_left() -> None:
    planned = profile_layout(TOWNS, profile(numbers("age"), numbers("town")))
    assert named(planned.layout.columns).keys() == {
        "age", "probabilities[no]", "probabilities[yes]"
    }  # fmt: skip
    assert "Not watched, for types differ: town is numeric in the profile and text here." in (
        planned.notes
    )


def test_a_profile_of_another_schema_is_refused_in_a_sentence() -> None:
    with pytest.raises(MonitoringError) as refused:
        profile_layout(TOWNS, profile(*(numbers(f"c{n}") for n in range(7))))
    assert str(refused.value) == (
        "the profile is of another schema: the version has none of its columns (it has c0, c1, c2, "
        "c3, c4 and 2 more). Make a profile of this version's rows."
    )


def test_a_model_without_names_is_taken_in_the_order_of_the_profile() -> None:
    plain = signature([tensor("x", "FP32", 2)], [tensor("y", "FP32", 1)])
    planned = profile_layout(plain, profile(numbers("b"), numbers("a"), answers=["prediction"]))
    found = named(planned.layout.columns)
    assert [(one.tensor, one.element) for one in found.values()] == [("x", 0), ("x", 1), ("y", 0)]
    assert list(found) == ["b", "a", "y"]
    assert planned.notes[0].endswith("they are taken in the profile's order.")
    by_name = profile_layout(plain, profile(numbers("x[1]"), answers=["prediction"]))
    assert by_name.layout.columns[0].element == 1
    assert not any("order" in note for note in by_name.notes)


def test_whole_numbers_may_be_categories_and_floats_may_not() -> None:
    codes = Column(name="code", datatype="INT64", values=np.repeat([1, 2], ROWS // 2))
    whole = signature([tensor("code", "INT32", 1)], [])
    (column,) = profile_layout(whole, profile(codes)).layout.columns[:1]
    assert (column.reading, set(column.categories)) == ("category", {1, 2})
    floats = signature([tensor("code", "FP32", 1)], [])
    with pytest.raises(MonitoringError, match="code is categorical in the profile and numbers"):
        profile_layout(floats, profile(codes))


def test_without_a_profile_numbers_texts_and_lengths_are_watched() -> None:
    found = named(learning_layout(TOWNS).layout.columns)
    assert {name: one.reading for name, one in found.items()} == {
        "age": "number",
        "income": "present",
        "town": "category",
        "town (length)": "length",
        "creed": "present",
        "label": "number",
        "probabilities[no]": "number",
        "probabilities[yes]": "number",
    }
    assert all(not one.edges and not one.categories for one in found.values())


def test_a_wide_row_of_floats_is_a_norm_and_projections() -> None:
    wide = signature([tensor("vector", "FP16", EMBEDDING_WIDTH + 1), tensor("n", "INT8", 2)])
    columns = learning_layout(wide).layout.columns
    assert [one.reading for one in columns] == [
        "norm", *["projection"] * PROJECTIONS, "number", "number"
    ]  # fmt: skip
    assert [one.element for one in columns[1:17]] == list(range(PROJECTIONS))
    assert learning_layout(wide, sensitive=["vector"]).layout.columns[0].tensor == "n"
    narrow = signature([tensor("vector", "FP16", EMBEDDING_WIDTH)])
    assert {one.reading for one in learning_layout(narrow).layout.columns} == {"number"}


def test_nothing_of_a_sensitive_text_is_told_by_its_length() -> None:
    told = profile(numbers("age"), numbers("creed (length)"))
    planned = profile_layout(TOWNS, told)
    assert "creed (length)" not in named(planned.layout.columns)


def test_rows_that_are_too_wide_or_of_any_width_are_told_and_left() -> None:
    odd = signature(
        [tensor("words", "BYTES", -1), tensor("image", "FP32", 3, 224, 224), tensor("x", "FP32", 3)]
    )
    planned = learning_layout(odd)
    assert [one.name for one in planned.layout.columns] == ["x[0]", "x[1]", "x[2]"]
    assert planned.notes == (
        "Rows of words have no fixed width: it is not watched.",
        "Rows of image have more than 256 KiB: it is not watched.",
    )


def test_a_model_that_does_not_batch_has_rows_in_its_first_dimension() -> None:
    plain = signature([tensor("x", "FP32", -1, 2), tensor("z", "FP32", 3)], has_batches=False)
    told = course_of(VersionFiles(settings=MonitoringSettings()), plain, None, file_bytes=1)
    assert told.notes == ("Of x the first row of each request is watched: max_batch_size is 0.",)
    assert [one.width for one in plain.tensors] == [2, 3]


def test_an_output_that_is_called_as_an_input_has_a_name_of_its_own() -> None:
    same = signature([tensor("x", "FP32", 1)], [tensor("x", "FP32", 1)])
    assert [one.name for one in columns_of(same)] == ["x", "x (output)"]


def test_columns_are_bounded() -> None:
    many = signature([tensor(f"x{n}", "FP32", 200) for n in range(60)])
    planned = learning_layout(many)
    assert len(planned.layout.columns) == COLUMNS_MAX
    assert planned.notes == ("The first 10000 of 12000 columns are watched.",)
