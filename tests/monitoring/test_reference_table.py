# SPDX-License-Identifier: Apache-2.0
"""A reference profile of a table: the same of every kind of table, and a sentence where none."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from datasketches import kll_floats_sketch
from typer.testing import CliRunner

from penstock.cli import app
from penstock.errors import PenstockError, ProfileError
from penstock.profile import (
    CategoricalFeature,
    NumericFeature,
    ReferenceProfile,
    SensitiveFeature,
    TargetClasses,
    TargetNumbers,
    profile_of,
    read_profile,
)
from penstock_monitoring import profile_of_table
from penstock_monitoring.commands import add_to
from penstock_monitoring.reference_table import remarks_of
from penstock_monitoring.row_choice import chosen_rows, rows_max
from penstock_monitoring.times import hours_of_week

ROWS = 4000
WEEKS = pd.Timestamp("2026-03-02")  # a Monday; three weeks on, clocks are changed


def frame(rows: int = ROWS) -> pd.DataFrame:
    draws = np.random.default_rng(0)
    score = draws.random(rows)
    return pd.DataFrame(
        {
            "x": np.where(draws.random(rows) < 0.1, np.nan, draws.normal(0, 1, rows)),
            "floor": draws.integers(0, 3, rows),
            "is_new": draws.random(rows) < 0.3,
            "city": draws.choice(np.array(["north", "south", None], dtype=object), rows),
            "age": draws.integers(18, 90, rows),
            "at": WEEKS + pd.to_timedelta(np.arange(rows) * (28 * 86_400 / rows), unit="s"),
            "yes": score,
            "truth": np.where(draws.random(rows) < score, "yes", "no"),
        }
    )


ASKED: dict[str, Any] = {
    "predictions": {"yes": "yes"},
    "target": "truth",
    "time": "at",
    "categorical": ["floor"],
    "sensitive": ["age"],
    "importances": {"x": 0.25},
}


@pytest.fixture(scope="module")
def profile() -> ReferenceProfile:
    return profile_of_table(frame(), model="m", **ASKED)


def feature(profile: ReferenceProfile, name: str) -> Any:
    [found] = [one for one in profile.features if one.name == name]
    return found


def parquet(table: pd.DataFrame, folder: Path) -> Path:
    pq.write_table(pa.Table.from_pandas(table), folder / "t.parquet", row_group_size=700)
    return folder / "t.parquet"


def arrow_file(table: pd.DataFrame, folder: Path) -> str:
    pyarrow.feather.write_feather(pa.Table.from_pandas(table), folder / "t.arrow", chunksize=900)
    return str(folder / "t.arrow")


@pytest.mark.parametrize(
    "made",
    [
        lambda table, folder: pl.from_pandas(table),
        lambda table, folder: pa.Table.from_pandas(table),
        lambda table, folder: {name: table[name].to_numpy() for name in table},
        parquet,
        arrow_file,
    ],
    ids=["polars", "arrow", "numpy", "parquet", "feather"],
)
def test_every_kind_of_table_gives_the_same_profile(
    made: Callable[[pd.DataFrame, Path], Any], profile: ReferenceProfile, tmp_path: Path
) -> None:
    found = profile_of_table(made(frame(), tmp_path), model="m", **ASKED)
    assert found.digest == profile.digest


def test_columns_are_what_their_types_say_or_what_is_said_of_them(
    profile: ReferenceProfile,
) -> None:
    kinds = {one.name: type(one) for one in profile.features}
    assert kinds == {
        "x": NumericFeature,
        "floor": CategoricalFeature,
        "is_new": NumericFeature,
        "city": CategoricalFeature,
        "age": SensitiveFeature,
    }
    table = frame()
    assert feature(profile, "x").counts[-2] == table["x"].isna().sum()
    assert feature(profile, "x").importance == 0.25
    assert feature(profile, "city").counts[-1] == table["city"].isna().sum()
    assert feature(profile, "floor").datatype == "INT64"
    assert feature(profile, "is_new").mean == pytest.approx(table["is_new"].mean(), rel=1e-5)


def test_answers_and_losses_are_those_of_the_rows(profile: ReferenceProfile) -> None:
    table = frame()
    of_truth = np.where(table["truth"] == "yes", table["yes"], 1 - table["yes"])
    losses = -np.log(of_truth)
    city = feature(profile, "city")
    for place, name in enumerate(city.categories):
        is_there = table["city"] == name
        assert city.response[place][0] == pytest.approx(table["yes"][is_there].mean(), rel=1e-4)
        assert city.loss[place] == pytest.approx(losses[is_there].mean(), rel=1e-4)
    assert isinstance(profile.target, TargetClasses)
    assert profile.scores[0].answer == "yes" and sum(profile.scores[0].hits) > 0
    assert profile.format == 3


def test_a_regression_has_a_squared_error() -> None:
    table = pd.DataFrame({"x": np.arange(100.0), "said": np.arange(100.0), "y": 3.0})
    found = profile_of_table(table, predictions="said", target="y")
    assert isinstance(found.target, TargetNumbers)
    assert found.scores[0].loss[0] == pytest.approx(np.mean((np.arange(10.0) - 3) ** 2), rel=0.2)


def test_without_answers_a_profile_is_of_the_columns_alone() -> None:
    found = profile_of_table(np.random.default_rng(1).normal(size=(500, 2)))
    assert [one.name for one in found.features] == ["f0", "f1"]
    assert (found.format, found.answers, found.scores, found.target) == (2, (), (), None)
    assert set(feature(found, "f0").loss) == {None}
    asked_only = profile_of_table(frame().drop(columns=["truth", "at"]), predictions={"yes": "y"})
    assert (asked_only.scores[0].hits, asked_only.target) == ((), None)
    assert feature(asked_only, "x").response[0] is not None


def test_hours_of_the_week_are_those_of_the_place(tmp_path: Path) -> None:
    found = profile_of_table(frame(), **ASKED, timezone="Europe/Rome", seasonal=True)
    assert found.format == 3 and found.hours is not None
    assert sum(found.hours.rows) == found.rows
    x = feature(found, "x")
    assert np.sum([hour for hour in x.by_hour if hour], axis=0).tolist() == list(x.counts)
    first_hour = pd.to_datetime(frame()["at"]).dt.tz_localize("UTC").dt.tz_convert("Europe/Rome")
    is_monday_morning = (first_hour.dt.dayofweek == 0) & (first_hour.dt.hour == 1)
    assert found.hours.rows[1] == is_monday_morning.sum()
    assert profile_of(found.model_dump(mode="json")) == found


def test_clocks_that_are_changed_change_the_hour() -> None:
    around = np.array([1774745999.0, 1774746000.0])  # 29 March 2026, 01:00 UTC
    assert hours_of_week(around, "Europe/Rome").tolist() == [6 * 24 + 1, 6 * 24 + 3]


def test_a_sketch_gives_quantiles_between_the_edges() -> None:
    values = np.random.default_rng(2).exponential(1, 20_000).astype(np.float32)
    found = profile_of_table({"x": values}, sketches=True)
    sketch = kll_floats_sketch.deserialize(base64.b64decode(feature(found, "x").kll))
    assert sketch.n == 20_000
    for share in (0.01, 0.5, 0.99):
        rank = np.mean(values <= sketch.get_quantile(share))
        assert rank == pytest.approx(share, abs=0.03)


def test_rows_that_hang_together_are_seen_in_any_order() -> None:
    draws = np.random.default_rng(3)
    x = np.repeat(draws.normal(0, 1, ROWS // 50), 50)
    table = pd.DataFrame({"x": x, "at": np.arange(float(ROWS))})
    shuffled = table.sample(frac=1, random_state=1)
    found = profile_of_table(shuffled, time="at")
    assert feature(found, "x").overdispersion > 10
    assert found.digest == profile_of_table(table, time="at").digest


def test_a_feature_takes_2_to_3_kilobytes() -> None:
    rows = 20_000
    draws = np.random.default_rng(4)
    values = {f"x{place}": draws.lognormal(0, 1, rows) for place in range(4)}
    found = profile_of_table(
        values | {"said": draws.normal(0, 1, rows), "y": draws.normal(0, 1, rows)},
        predictions="said",
        target="y",
    )
    sizes = [len(one.model_dump_json()) for one in found.features]
    assert min(sizes) > 1500 and max(sizes) < 3000, sizes


def test_of_a_large_table_runs_of_neighbours_are_looked_at() -> None:
    assert rows_max(10) == 1_000_000 and rows_max(10_000) == 50_000
    chosen = chosen_rows(100_003, 10_000, 32)
    assert 9_900 < chosen.sum() <= 10_000
    starts = np.flatnonzero(np.diff(chosen.astype(int)) == 1) + 1
    assert all(chosen[start : start + 32].all() for start in starts)
    assert starts[-1] > 99_000
    assert chosen_rows(50, 50, 32).all()


def test_a_million_categories_are_counted_and_not_kept() -> None:
    names = pa.array([f"user {number}" for number in range(300_000)])
    found = profile_of_table(pa.table({"id": names}))
    assert feature(found, "id").categories == ()
    assert feature(found, "id").distinct == 300_000
    assert len(found.model_dump_json()) < 1000
    assert "300000 different values" in "".join(remarks_of(found))


def test_columns_that_say_little_are_told_of() -> None:
    table = pd.DataFrame(
        {"void": [np.nan] * 50, "one": 7.0, "gone": pd.array([None] * 50, "string")}
    )
    told = list(remarks_of(profile_of_table(table)))
    assert [one.partition(" ")[0] for one in told] == ["The", "void", "one", "gone"]
    assert "no order in time" in told[0]
    assert "no finite value" in told[1] and "always 7" in told[2] and "no value" in told[3]


def twice_named() -> Any:
    return pa.table([pa.array([1.0]), pa.array([2.0])], names=["a", "a"])


@pytest.mark.parametrize(
    ("table", "asked", "sentence"),
    [
        (frame(9).iloc[:0], {}, "has no rows"),
        (pd.DataFrame(index=range(3)), {}, "has no columns|has no rows"),
        (twice_named(), {}, "two columns 'a': rename one"),
        (pd.DataFrame({"a": [1, "b"]}), {}, "values of one type"),
        (pa.table({"a": [[1.0], [2.0]]}), {}, "'a' is list.*several values a row.*--exclude"),
        (pa.table({"a": [b"x"]}), {}, "'a' is binary, no numbers and no texts"),
        (frame(9), {}, "'at' is timestamp.*name it as the time column"),
        (np.ones(3), {}, "1 dimensions: wanted two"),
        (3, {}, "is a int: wanted a path"),
        ("rows.csv", {}, "There is no input rows.csv"),
        (frame(9), {"exclude": ["nothing"]}, "no column 'nothing'"),
        (frame(9), {"sensitive": ["nothing"]}, "no column 'nothing'"),
        (frame(9), {"time": "city", "exclude": ["at"]}, "'city' is string: wanted timestamps"),
        (frame(9), {"time": "at", "timezone": "Mars/Phobos", "seasonal": True}, "no time zone"),
        (frame(9), {"exclude": ["at"], "seasonal": True}, "need the column of times"),
        (frame(9).assign(at=WEEKS), {"time": "at", "seasonal": True}, "covers 0.0 weeks"),
        (frame(9), {"time": "at", "target": "truth"}, "without predictions"),
        (frame(9), {"time": "at", "predictions": "city"}, "predictions in 'city' are texts"),
        (frame(9), {"time": "at", "predictions": "x"}, "missing or infinite"),
        (frame(9), {"time": "at", "predictions": {"age": "yes"}}, "wanted 0 to 1"),
        (
            frame(9).assign(truth=list("abcabcabc")),
            {"time": "at", "predictions": {"yes": "a"}, "target": "truth"},
            "the target has 'b', whose probability no column is",
        ),
    ],
)
def test_what_is_no_table_of_rows_is_refused_in_a_sentence(
    table: Any, asked: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(PenstockError, match=sentence):
        profile_of_table(table, **asked)


def test_csv_is_refused_for_it_has_no_types(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(ProfileError, match="does not say what type a column has"):
        profile_of_table(file)


def test_an_old_format_has_no_new_blocks(profile: ReferenceProfile) -> None:
    content = profile_of_table(frame(), **ASKED, seasonal=True).model_dump(mode="json")
    assert "hours" not in profile.model_dump(mode="json")
    assert "by_hour" not in profile.model_dump_json() and "kll" not in profile.model_dump_json()
    with pytest.raises(ProfileError, match="format 1 has not hours: wanted 2"):
        profile_of(content | {"format": 1})


def test_the_command_writes_a_profile_that_is_read_again(
    profile: ReferenceProfile, tmp_path: Path
) -> None:
    table = parquet(frame(), tmp_path)
    add_to(app)
    (tmp_path / "importances.json").write_text('{"x": 0.25}')
    options = "--model m --prediction yes=yes --target truth --time at --categorical floor "
    options += f"--sensitive age --importances {tmp_path / 'importances.json'}"
    out = tmp_path / "profile.json"
    done = CliRunner().invoke(
        app, ["drift", "profile", str(table), "--out", str(out), *options.split()]
    )
    assert (done.exit_code, read_profile(out)) == (0, profile), done.output
    assert "5 columns of 4,000 rows" in " ".join(done.output.split())
    refused = CliRunner().invoke(app, ["drift", "profile", str(tmp_path / "none.parquet")])
    assert refused.exit_code == 4
