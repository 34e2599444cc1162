# SPDX-License-Identifier: Apache-2.0
"""The reference profile: what it counts, what it keeps to itself, what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock.errors import ProfileError
from penstock.profile import (
    CategoricalFeature,
    NumericFeature,
    ReferenceProfile,
    SensitiveFeature,
    TargetClasses,
    TargetNumbers,
    category_places,
    digest_of_profile,
    number_places,
    profile_of,
    read_profile,
)
from penstock_monitoring import Column, Reference, build_profile, write_profile

ROWS = 2000


def reference(**more: Any) -> Reference:
    draws = np.random.default_rng(0)
    x = draws.normal(0, 1, ROWS).astype(np.float32)
    x[:100] = np.nan
    x[100:103] = np.inf
    city = draws.choice(["north", "south", "", "rare"], ROWS, p=[0.6, 0.3, 0.099, 0.001])
    score = 1 / (1 + np.exp(-np.nan_to_num(x, posinf=3.0).astype(np.float64)))
    truth = np.where(draws.random(ROWS) < score, "yes", "no").astype(object)
    given: dict[str, Any] = {
        "model": "m",
        "columns": [
            Column(name="x", datatype="FP32", values=x, importance=0.25),
            Column(name="city", datatype="BYTES", values=city.astype(object)),
            Column(name="floor", datatype="INT64", values=draws.integers(0, 3, ROWS)),
            Column(
                name="age",
                datatype="FP32",
                values=np.where(draws.random(ROWS) < 0.1, np.nan, 43.4242),
                is_sensitive=True,
            ),
        ],
        "answers": ["yes"],
        "answered": score.reshape(-1, 1),
        "losses": -np.log(np.where(truth == "yes", score, 1 - score)),
        "truth": truth,
        "classes": ["no", "yes"],
        "metrics": {"accuracy": 0.7, "r2": float("nan")},
    } | more
    return Reference(**given)


@pytest.fixture(scope="module")
def profile() -> ReferenceProfile:
    return build_profile(reference())


def numeric(profile: ReferenceProfile, name: str = "x") -> NumericFeature:
    [found] = [one for one in profile.features if one.name == name]
    assert isinstance(found, NumericFeature)
    return found


def test_every_row_is_counted_once_in_each_column(profile: ReferenceProfile) -> None:
    assert [feature.rows for feature in profile.features] == [ROWS] * 4
    assert numeric(profile).counts[-2:] == (100, 3)


def test_answers_and_losses_are_means_of_the_rows_at_a_place(profile: ReferenceProfile) -> None:
    source, feature = reference(), numeric(profile)
    places = number_places(source.columns[0].values, feature.edges)
    for place in (0, 30, len(feature.edges) + 1):
        is_there = places == place
        assert feature.counts[place] == is_there.sum()
        response, loss = feature.response[place], feature.loss[place]
        assert response is not None and loss is not None
        assert source.answered is not None and source.losses is not None
        assert response[0] == pytest.approx(source.answered[is_there, 0].mean(), rel=1e-5)
        assert loss == pytest.approx(source.losses[is_there].mean(), rel=1e-5)


def test_answers_by_place_add_up_to_the_average_answer(profile: ReferenceProfile) -> None:
    source = reference()
    for feature in profile.features:
        if isinstance(feature, SensitiveFeature):
            continue
        total = sum(
            count * response[0]
            for count, response in zip(feature.counts, feature.response, strict=True)
            if response is not None
        )
        assert source.answered is not None
        assert total / ROWS == pytest.approx(source.answered.mean(), rel=1e-4)


def test_moments_are_those_of_finite_values(profile: ReferenceProfile) -> None:
    values = reference().columns[0].values
    finite = values[np.isfinite(values)].astype(np.float64)
    feature = numeric(profile)
    assert feature.mean == pytest.approx(finite.mean(), rel=1e-5)
    assert feature.variance == pytest.approx(finite.var(), rel=1e-5)
    assert (np.float32(feature.minimum), np.float32(feature.maximum)) == (
        np.float32(finite.min()),
        np.float32(finite.max()),
    )
    assert feature.importance == 0.25


def test_a_category_of_few_rows_has_no_name(profile: ReferenceProfile) -> None:
    [city] = [one for one in profile.features if one.name == "city"]
    assert isinstance(city, CategoricalFeature)
    assert city.categories == ("north", "south")
    assert city.distinct == 3
    assert 0 < city.counts[2] < 5
    assert city.counts[3] > 100


def test_whole_numbers_may_be_categories(profile: ReferenceProfile) -> None:
    [floor] = [one for one in profile.features if one.name == "floor"]
    assert isinstance(floor, CategoricalFeature)
    assert set(floor.categories) == {0, 1, 2}


def test_of_a_sensitive_column_only_missing_values_are_counted(
    profile: ReferenceProfile,
) -> None:
    [age] = [one for one in profile.features if one.name == "age"]
    assert isinstance(age, SensitiveFeature)
    assert 150 < age.missing < 250
    assert "43.4" not in profile.model_dump_json()


def test_scores_are_calibrated_by_bin(profile: ReferenceProfile) -> None:
    [score] = profile.scores
    assert score.answer == "yes"
    assert sum(score.counts) == ROWS
    assert list(score.calibrated) == sorted(score.calibrated)
    expected = float(np.dot(score.counts, score.calibrated))
    assert expected == pytest.approx(sum(score.hits), rel=1e-4)


def test_the_target_is_told(profile: ReferenceProfile) -> None:
    assert isinstance(profile.target, TargetClasses)
    assert sum(profile.target.counts) == ROWS
    assert profile.metrics == {"accuracy": 0.7}


def test_regression_has_a_prediction_and_a_target_of_numbers() -> None:
    truth = np.random.default_rng(3).normal(5, 2, ROWS)
    profile = build_profile(
        reference(
            answers=["prediction"],
            answered=truth.reshape(-1, 1) + 0.1,
            losses=np.full(ROWS, 0.01),
            truth=truth,
            classes=[],
        )
    )
    assert isinstance(profile.target, TargetNumbers)
    assert profile.target.mean == pytest.approx(truth.mean(), rel=1e-5)
    [score] = profile.scores
    assert (score.answer, score.hits, score.calibrated) == (None, (), ())
    assert all(loss == 0.01 for loss in score.loss)


def test_rows_that_hang_together_vary_more_than_independent_ones() -> None:
    draws = np.random.default_rng(4)
    steady = draws.normal(0, 1, ROWS).astype(np.float32)
    swinging = np.repeat(draws.normal(0, 1, ROWS // 50), 50).astype(np.float32)
    columns = [
        Column(name="steady", datatype="FP32", values=steady),
        Column(name="swinging", datatype="FP32", values=swinging),
    ]
    profile = build_profile(reference(columns=columns, is_in_time_order=True))
    one, other = numeric(profile, "steady"), numeric(profile, "swinging")
    assert one.overdispersion == pytest.approx(1.0, abs=0.15)
    assert other.overdispersion is not None and other.overdispersion > 10
    assert numeric(build_profile(reference(columns=columns)), "swinging").overdispersion is None


def test_a_profile_is_written_and_read_back_as_it_was(
    profile: ReferenceProfile, tmp_path: Path
) -> None:
    write_profile(profile, tmp_path / "profile.json")
    assert read_profile(tmp_path) == read_profile(tmp_path / "profile.json") == profile
    again = tmp_path / "again.json"
    write_profile(build_profile(reference()), again)
    assert again.read_bytes() == (tmp_path / "profile.json").read_bytes()


def test_a_feature_takes_a_few_kilobytes(profile: ReferenceProfile) -> None:
    assert len(numeric(profile).model_dump_json()) < 4096


def without_rows() -> Reference:
    columns = [Column(name="x", datatype="FP32", values=np.empty(0))]
    return reference(
        columns=columns,
        answered=np.empty((0, 1)),
        losses=np.empty(0),
        truth=np.empty(0, dtype=object),
    )


def test_rows_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ProfileError, match="there are none"):
        build_profile(without_rows())
    with pytest.raises(ProfileError, match=r"x has 3 rows, losses 2000"):
        build_profile(reference(columns=[Column(name="x", datatype="FP32", values=np.ones(3))]))
    with pytest.raises(ProfileError, match="not those of 2000 rows"):
        build_profile(reference(answers=["yes", "no"]))


def changed(profile: ReferenceProfile, place: str, value: Any) -> Any:
    """The content with one thing changed, and the digest of that."""
    content = json.loads(profile.model_dump_json())
    within = content
    *path, last = place.split(".")
    for step in path:
        within = within[int(step) if step.isdigit() else step]
    within[int(last) if last.isdigit() else last] = value
    content["digest"] = digest_of_profile(content)
    return content


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        ("format", 4, r"format: wanted 1, 2 or 3, found 4\. Make it anew\.$"),
        ("rows", 1999, "is of 2000 rows, not of 1999"),
        ("rows", "2000", "rows"),
        ("features.0.edges.1", -1e9, "edges that do not ascend"),
        ("features.0.edges.62", 1e300, "edges that do not ascend, as float32 holds them"),
        ("features.0.minimum", 1e9, "a minimum above its maximum"),
        ("features.0.name", "", "name: wanted"),
        ("features.1.categories.0", 7, "a category that is no BYTES"),
        ("features.0.counts", [1], "counts"),
        ("features.0.counts.0", -1, "counts"),
        ("features.0.name", "city", "stands in it twice"),
        ("features.0.response.0", [0.1, 0.2], "other than one number per answer"),
        ("features.0.response.0", None, "place without rows"),
        ("features.1.categories", ["a", "a"], "a category twice"),
        ("features.3.missing", 2001, "misses 2001 of 2000"),
        ("features.3.values", [43.0], "there is no such key; docs/profile.md lists them"),
        ("scores.0.calibrated", [], "not as many numbers as bins"),
        ("target.counts", [1], "2 classes have 1 counts"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    profile: ReferenceProfile, place: str, value: Any, sentence: str
) -> None:
    with pytest.raises(ProfileError, match=sentence):
        profile_of(changed(profile, place, value))


def test_a_profile_that_was_changed_is_found_out(profile: ReferenceProfile, tmp_path: Path) -> None:
    write_profile(profile, tmp_path / "profile.json")
    text = (tmp_path / "profile.json").read_text()
    (tmp_path / "profile.json").write_text(text.replace('"importance":0.25', '"importance":0.5'))
    with pytest.raises(ProfileError, match="it was changed, make it anew"):
        read_profile(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", "nonsense", "[" * 100_000, '{"rows": NaN}'])
def test_a_file_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "profile.json"
    file.write_text(text)
    with pytest.raises(ProfileError, match="profile"):
        read_profile(file)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="cannot be read: No such file"):
        read_profile(tmp_path)


def test_places_of_numbers_and_of_categories() -> None:
    found = number_places([-5, 0, 0.5, 1, np.nan, np.inf, -np.inf], [0.0, 1.0])
    assert found.tolist() == [0, 1, 1, 2, 3, 4, 4]
    assert category_places(["b", "a", "", "z"], ["a", "b"]).tolist() == [1, 0, 3, 2]
