# SPDX-License-Identifier: Apache-2.0
"""From a source to parts: what steps write, what they keep, and what stops them."""

import csv
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.training.data_runs import pipeline, run_data, said_by, two_classes, write_csv

from penstock_training.data import PARTS, read_columns, read_part
from penstock_training.errors import DataError

RULES = """
schema_type: dataframe
api: pandas
strict: true
coerce: true
columns:
  a:
    dtype: float64
    nullable: true
    in_range: {min_value: 0, max_value: 30}
  b: {dtype: float64}
  c:
    dtype: str
    isin: [x, y, z]
  y: {dtype: str}
"""


def run(tmp_path: Path, **tables: Any) -> Any:
    return run_data(pipeline(tmp_path, **tables), tmp_path / "work")


def refused(tmp_path: Path, *lines: str, **tables: Any) -> str:
    write_csv(tmp_path / "rows.csv", *lines)
    with pytest.raises(DataError) as error:
        run(tmp_path, data={"path": "rows.csv", **tables.pop("data", {})}, **tables)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_parts_have_the_form_that_models_take(tmp_path: Path) -> None:
    two_classes(tmp_path / "rows.csv")
    results = run(tmp_path, data={"path": "rows.csv"})
    folder = results["split"].folder
    columns = read_columns(folder)
    assert (columns.numeric, columns.categorical) == (("a", "b"), ("c",))
    assert columns.classes == ("no", "yes")
    parts = [read_part(folder, name) for name in PARTS]
    assert [len(part) for part in parts] == [24, 8, 8]
    for part in parts:
        assert list(part.features.columns) == ["a", "b", "c"]
        assert [str(kind) for kind in part.features.dtypes] == ["float64", "float64", "object"]
        assert part.target.dtype == np.int64
        # The index is the row's place in the source.
        assert [float(row) for row in part.frame.index] == part.frame["a"].tolist()
        assert part.target.tolist() == [int(row % 4 == 0) for row in part.frame.index]
    assert said_by(results["split"], "split.json")["parts"]["test"]["classes"] == {
        "no": 6,
        "yes": 2,
    }
    assert said_by(results["ingest"], "source.json")["rows"] == 40
    assert said_by(results["validate"], "validation.json")["accepted"] == 40


def test_steps_that_have_run_are_kept_until_the_file_changes(tmp_path: Path) -> None:
    two_classes(tmp_path / "rows.csv")
    spec = {"data": {"path": "rows.csv"}}
    first = run(tmp_path, **spec)
    again = run(tmp_path, **spec)
    assert [result.is_cached for result in again.values()] == [True, True, True]
    other_seed = run(tmp_path, seed=1, **spec)
    assert [result.is_cached for result in other_seed.values()] == [True, True, False]
    two_classes(tmp_path / "rows.csv", rows=44)
    changed = run(tmp_path, **spec)
    assert [result.is_cached for result in changed.values()] == [False, False, False]
    assert changed["split"].output_digest != first["split"].output_digest


def test_a_database_is_asked_again_and_what_follows_is_kept(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "rows.db") as connection:
        connection.execute("CREATE TABLE rows (a INTEGER, y TEXT)")
        rows = [(i, "no" if i % 3 else "yes") for i in range(30)]
        connection.executemany("INSERT INTO rows VALUES (?, ?)", rows)
    data = {"sql": "SELECT * FROM rows ORDER BY a", "database": "sqlite:///rows.db"}
    run(tmp_path, data=data)
    again = run(tmp_path, data=data)
    assert {name: one.is_cached for name, one in again.items()} == {
        "ingest": False, "validate": True, "split": True,
    }  # fmt: skip
    with connection:
        connection.execute("INSERT INTO rows VALUES (100, 'no')")
    connection.close()
    changed = run(tmp_path, data=data)
    assert not changed["validate"].is_cached


def test_bad_rows_are_put_aside_with_their_reasons(tmp_path: Path) -> None:
    two_classes(tmp_path / "rows.csv", rows=30)
    with (tmp_path / "rows.csv").open("a") as file:
        file.write("99,1.5,x,yes\nmany,2.5,x,no\n7,0.1,q,\n1,2\n8,inf,z,no\n")
    (tmp_path / "rules.yaml").write_text(RULES)
    data = {"path": "rows.csv", "schema": "rules.yaml", "quarantine_max": 0.2}
    results = run(tmp_path, data=data)
    said = said_by(results["validate"], "validation.json")
    assert (said["rows"], said["accepted"], said["quarantined"]) == (35, 30, 5)
    with (results["validate"].folder / "quarantine.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    found = {(line["row"] or f"line {line['line']}"): line["reasons"] for line in lines}
    assert list(found) == ["line 35", "31", "32", "33", "34"]
    assert found["line 35"] == "line has 2 fields: wanted 4"
    assert found["31"] == "a: wanted in_range(0, 30), found 99.0"
    assert "a: wanted type float64, found 'many'" in found["32"]
    assert "c: wanted isin(['x', 'y', 'z']), found 'q'" in found["33"]
    assert "y: is missing" in found["33"]
    assert found["34"] == "b: wanted a finite number"
    assert lines[1]["c"] == "x"
    # The column was text for one value's sake: without it, it is one of numbers.
    assert read_columns(results["split"].folder).numeric == ("a", "b")


def test_values_of_sensitive_columns_are_never_shown(tmp_path: Path) -> None:
    two_classes(tmp_path / "rows.csv", rows=30)
    with (tmp_path / "rows.csv").open("a") as file:
        file.write("77,1.5,secret,yes\n")
    (tmp_path / "rules.yaml").write_text(RULES)
    data = {"path": "rows.csv", "schema": "rules.yaml", "quarantine_max": 0.2}
    results = run(tmp_path, data=data, features={"sensitive": ["a", "c"]})
    for name in ("quarantine.csv", "validation.json"):
        text = (results["validate"].folder / name).read_text()
        assert "77" not in text
        assert "secret" not in text
    with pytest.raises(DataError) as error:
        run(tmp_path, data={"path": "rows.csv"}, features={"numeric": ["c"], "sensitive": ["c"]})
    assert "found" not in str(error.value)


def test_too_many_bad_rows_stop_the_run(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    two_classes(tmp_path / "rows.csv", rows=40)
    with pytest.raises(DataError) as error:
        run(tmp_path, data={"path": "rows.csv", "schema": "rules.yaml"})
    assert str(error.value).startswith(
        "9 of 40 rows break the rules, 9 of them: a: wanted in_range(0, 30). At most 5.00%"
    )


def test_a_schema_that_does_not_fit_is_one_sentence(tmp_path: Path) -> None:
    lines = ("a,b,c,y,more", *(f"{i},{i},x,{'yn'[i % 2]},1" for i in range(20)))
    schema = {"schema": "rules.yaml"}
    assert "there is no file" in refused(tmp_path, *lines, data=schema)
    (tmp_path / "rules.yaml").write_text(RULES)
    said = refused(tmp_path, *lines, data=schema)
    assert said.startswith("rules.yaml: the data have a column 'more' that it does not know")
    said = refused(tmp_path, "a,b,y", *(f"{i},{i},x" for i in range(20)), data=schema)
    assert said.startswith("rules.yaml: the data have no column 'c'")
    for text in (
        "[]",
        "columns: {a: {dtype: nosuch}}",
        "columns: {a: {dtype: str, nosuch: 1}}",
        "{",
    ):
        (tmp_path / "rules.yaml").write_text(text)
        assert "is no schema of pandera" in refused(tmp_path, *lines, data=schema)


def test_unknown_columns_are_named_with_what_is_near(tmp_path: Path) -> None:
    lines = ("age,y", *(f"{i},{'yn'[i % 2]}" for i in range(20)))
    assert "[problem] target: the data have no column 'z': they have age, y." in refused(
        tmp_path, *lines, target="z"
    )
    assert "[features] numeric: the data have no column 'agee': did you mean 'age'?" in refused(
        tmp_path, *lines, features={"numeric": ["agee"]}
    )
    for tables in (
        {"features": {"drop": ["nosuch"]}},
        {"features": {"sensitive": ["nosuch"]}},
        {"features": {"step": [{"kind": "standard", "columns": ["nosuch"]}]}},
        {"split": {"method": "group", "column": "nosuch"}},
        {"problem": {"groups": [{"column": "nosuch", "metric": "accuracy"}]}},
        {"evaluate": {"slices": ["nosuch"]}},
    ):
        assert "the data have no column 'nosuch'" in refused(tmp_path, *lines, **tables)
    assert "it is no feature; take it out" in refused(tmp_path, *lines, features={"drop": ["y"]})


def test_targets_that_teach_nothing_are_refused(tmp_path: Path) -> None:
    def rows(*targets: Any) -> tuple[str, ...]:
        return ("a,y", *(f"{i},{targets[i % len(targets)]}" for i in range(40)))

    assert "has no value in any row" in refused(tmp_path, *rows(""))
    said = refused(tmp_path, *rows("yes", "no", ""))
    assert said.startswith(
        "column 'y' is wrong in 13 of 40 rows: in row 3 of rows.csv, the target is missing; mend"
    )
    assert "has one class, 'yes', in all 40 rows" in refused(tmp_path, *rows("yes"))
    assert "has one class, '1', in all 40 rows" in refused(tmp_path, *rows("1"), task="multiclass")
    assert "is 1 in all 40 rows: there is nothing to learn" in refused(
        tmp_path, *rows("1"), task="regression"
    )
    assert "a binary task has two classes, and column 'y' has 3 (a, b, c)" in refused(
        tmp_path, *rows("a", "b", "c")
    )
    assert "holds fractions, which are no classes" in refused(tmp_path, *rows("0.5", "1.5"))
    assert "a regression needs numbers, and column 'y' holds string" in refused(
        tmp_path, *rows("a", "b"), task="regression"
    )
    assert "the target is not finite" in refused(tmp_path, *rows("1", "inf"), task="regression")
    said = refused(tmp_path, *rows("a", "b"), problem={"positive": "c"})
    assert said == "[problem] positive: column 'y' has no class 'c': wanted 'a' or 'b'."


def test_a_row_without_target_is_put_aside_by_a_schema(tmp_path: Path) -> None:
    two_classes(tmp_path / "rows.csv", rows=30)
    with (tmp_path / "rows.csv").open("a") as file:
        file.write("7,1.5,x,\n")
    (tmp_path / "rules.yaml").write_text(RULES)
    results = run(tmp_path, data={"path": "rows.csv", "schema": "rules.yaml"})
    assert said_by(results["validate"], "validation.json")["reasons"] == {"y: is missing": 1}


def test_types_that_clash_are_refused(tmp_path: Path) -> None:
    lines = ("a,t,y", *(f"{i},2026-01-{i % 28 + 1:02},{'yn'[i % 2]}" for i in range(40)))
    said = refused(
        tmp_path, *lines, "many,2026-01-01,y", features={"numeric": ["a"], "drop": ["t"]}
    )
    assert "row 41 of rows.csv, wanted a number, found 'many'" in said
    said = refused(tmp_path, *lines)
    assert said.startswith("feature 't' holds times, which no model takes: add it to")
    said = refused(tmp_path, *lines, features={"numeric": ["t"]})
    assert "column 't' holds values of timestamp[us]" in said
    said = refused(tmp_path, "a,y", *("1,x", "2,y", "3") * 5)
    assert said.startswith("5 lines are no rows: line 4 of rows.csv has 1 fields: wanted 2")


def test_empty_splits_are_refused(tmp_path: Path) -> None:
    few = ("a,g,y", "1,u,x", "2,u,y", "3,v,x", "4,v,y")
    said = refused(tmp_path, *few)
    assert said.startswith("[split]: none of 4 rows is left to test with: take more rows in")
    said = refused(tmp_path, *few, "5,u,x", "6,v,x", split={"method": "random"})
    assert said.startswith("[split]: class ")
    said = refused(tmp_path, *few, split={"method": "group", "column": "g"})
    assert said.startswith("[split] column: there are 2 groups: wanted three at least")
    said = refused(tmp_path, *few, split={"method": "time", "column": "g"})
    assert said.startswith("[split] column: 'g' holds string: wanted times")
    said = refused(tmp_path, "a,y", *("1,2", "1,3"), task="regression")
    assert "rows is left to" in said
    sorted_by_class = ("a,t,y", *(f"{i},{i},{'no' if i < 80 else 'yes'}" for i in range(100)))
    said = refused(tmp_path, *sorted_by_class, split={"method": "time", "column": "t"})
    assert said.startswith(
        "[split]: class 'yes' has 20 rows, and none of them is in the train part"
    )
    said = refused(tmp_path, *few, ",,x", split={"method": "group", "column": "g"})
    assert "1 of 5 rows have no 'g'" in said


def test_groups_stand_together_and_are_no_feature(tmp_path: Path) -> None:
    lines = [f"{i},{i % 13},{'yn'[i % 2]}" for i in range(130)]
    write_csv(tmp_path / "rows.csv", "a,g,y", *lines)
    results = run(tmp_path, data={"path": "rows.csv"}, split={"method": "group", "column": "g"})
    folder = results["split"].folder
    assert read_columns(folder).features == ("a",)
    groups = [set(read_part(folder, name).frame["g"]) for name in PARTS]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 13


def test_rows_that_are_the_same_stand_in_one_part(tmp_path: Path) -> None:
    # Two of each of ten rows, among 190 that are like no other.
    lines = [f"{i},{'yn'[i % 2]}" for i in [*range(200), *range(10)]]
    write_csv(tmp_path / "rows.csv", "a,y", *lines)
    results = run(tmp_path, data={"path": "rows.csv"})
    seen = [set(read_part(results["split"].folder, name).frame["a"]) for name in PARTS]
    assert sum(map(len, seen)) == 200


def test_what_is_declared_categorical_is_text(tmp_path: Path) -> None:
    lines = [f"{i % 5},{i % 2 == 0},{i},{1 if i % 2 else ''},{i}" for i in range(50)]
    write_csv(tmp_path / "rows.csv", "code,flag,a,gaps,y", *lines)
    features = {"categorical": ["code", "gaps"], "drop": ["a"]}
    results = run(tmp_path, data={"path": "rows.csv"}, features=features, task="regression")
    part = read_part(results["split"].folder, "train")
    assert part.columns.numeric == ("flag",)
    assert set(part.frame["code"]) <= {"0", "1", "2", "3", "4"}
    assert set(part.frame["gaps"]) == {"1", None}
    assert set(part.frame["flag"]) == {0.0, 1.0}
    assert "a" not in part.frame
    assert part.target.dtype == np.float64


@pytest.mark.parametrize(
    ("targets", "positive", "classes"),
    [
        (("1", "0"), None, ("0", "1")),
        (("1", "0"), 0, ("1", "0")),
        (("true", "false"), None, ("false", "true")),
        (("true", "false"), False, ("true", "false")),
        (("2", "10"), None, ("2", "10")),
        (("2", "-10"), None, ("-10", "2")),
        (("good", "bad"), None, ("bad", "good")),
        (("good", "bad"), "bad", ("good", "bad")),
    ],
)
def test_the_positive_class_is_the_second(
    tmp_path: Path, targets: tuple[str, str], positive: Any, classes: tuple[str, str]
) -> None:
    lines = [f"{i},{targets[i % 2]}" for i in range(40)]
    write_csv(tmp_path / "rows.csv", "a,y", *lines)
    problem = {} if positive is None else {"positive": positive}
    results = run(tmp_path, data={"path": "rows.csv"}, problem=problem)
    assert read_columns(results["split"].folder).classes == classes


def test_the_same_rows_and_seed_give_the_same_parts(tmp_path: Path) -> None:
    digests = set()
    for place in range(2):
        folder = tmp_path / str(place)
        two_classes(folder / "rows.csv")
        results = run_data(pipeline(folder, data={"path": "rows.csv"}), folder / "work")
        digests.add(results["split"].output_digest)
    assert len(digests) == 1
