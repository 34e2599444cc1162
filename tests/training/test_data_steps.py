# SPDX-License-Identifier: Apache-2.0
"""From a source to parts: what steps write, what they keep, and what stops them."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.training.data_runs import (
    frame_of,
    pipeline,
    run_data,
    said_by,
    two_classes,
    write_csv,
)

from penstock_training.errors import DataError
from penstock_training.split import PARTS
from penstock_training.stages.validate import read_columns

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


def test_parts_have_the_columns_of_the_source(tmp_path: Path) -> None:
    two_classes(tmp_path / "rows.csv")
    results = run(tmp_path, data={"path": "rows.csv"})
    columns = read_columns(results["validate"].folder)
    assert (columns.numeric, columns.categorical) == (("a", "b"), ("c",))
    parts = [frame_of(results["split"], name) for name in PARTS]
    assert [len(part) for part in parts] == [24, 8, 8]
    for part in parts:
        assert list(part.columns) == ["a", "b", "c", "y"]
        assert [str(kind) for kind in part.dtypes] == ["int64", "float64", "object", "object"]
        # The index is the row's place in the source.
        assert part.index.name == "__row__"
        assert part.index.tolist() == part["a"].tolist()
    test = said_by(results["split"], "split.json")["parts"]["test"]
    assert (test["rows"], test["classes"]) == (8, {"no": 6, "yes": 2})
    source = said_by(results["ingest"], "source.json")
    assert (source["kind"], source["rows"]) == ("path", 40)
    assert source["columns"][0] == {"name": "a", "type": "int64"}
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
    aside = frame_of(results["validate"], "quarantine")
    assert aside["__source__"].tolist() == ["rows.csv"] * 5
    assert aside["__source_line__"].tolist()[0] == 35
    assert aside["__source_row__"].tolist()[1:] == [31, 32, 33, 34]
    line, *reasons = aside["reasons"]
    assert line == "line has 2 fields: wanted 4"
    assert reasons[0] == "a: wanted in_range(0, 30), found 99.0"
    assert "a: wanted type float64, found 'many'" in reasons[1]
    assert "c: wanted isin(['x', 'y', 'z']), found 'q'" in reasons[2]
    assert "y: is missing" in reasons[2]
    assert reasons[3] == "b: wanted a finite number"
    assert aside["a"].tolist() == [None, "99", "many", "7", "8"]
    # The column was text for one value's sake: without it, it is one of numbers.
    assert read_columns(results["validate"].folder).numeric == ("a", "b")


def test_values_of_sensitive_columns_are_never_shown(tmp_path: Path) -> None:
    two_classes(tmp_path / "rows.csv", rows=30)
    with (tmp_path / "rows.csv").open("a") as file:
        file.write("77,1.5,secret,yes\n")
    (tmp_path / "rules.yaml").write_text(RULES)
    data = {"path": "rows.csv", "schema": "rules.yaml", "quarantine_max": 0.2}
    results = run(tmp_path, data=data, features={"sensitive": ["a", "c"]})
    aside = frame_of(results["validate"], "quarantine")
    shown = aside.to_csv() + (results["validate"].folder / "validation.json").read_text()
    assert "a: wanted in_range(0, 30)" in shown
    assert "77" not in shown
    assert "secret" not in shown
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
    assert "has one class, 1, in all 40 rows" in refused(tmp_path, *rows("1"), task="multiclass")
    assert "is 1 in all 40 rows: there is nothing to learn" in refused(
        tmp_path, *rows("1"), task="regression"
    )
    assert "a binary task has two classes, and column 'y' has 3 ('a', 'b', 'c')" in refused(
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
    said = refused(tmp_path, *lines, "many,2026-01-01,y", features={"drop": ["t"]})
    assert said.startswith("column 'a' holds text in 1 of 41 rows and numbers in the others: name")
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
    assert said.startswith("[split] column has 2 different values: wanted three groups at least")
    said = refused(tmp_path, *few, split={"method": "time", "column": "g"})
    assert said.startswith("[split] column has 2 different values: wanted three times at least")
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
    assert read_columns(results["validate"].folder).features == ("a",)
    groups = [set(frame_of(results["split"], name)["g"]) for name in PARTS]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 13


def test_the_last_times_test_and_are_text_that_sorts(tmp_path: Path) -> None:
    lines = [
        f"{i},{i % 12 + 1}/1/2026,2026-{i % 12 + 1:02}-{i % 28 + 1:02},{i}" for i in range(120)
    ]
    write_csv(tmp_path / "rows.csv", "a,b,t,y", *lines)
    results = run(
        tmp_path,
        data={"path": "rows.csv"},
        features={"drop": ["b"]},
        split={"method": "time", "column": "t"},
        task="regression",
    )
    train, validation, test = (frame_of(results["split"], name)["t"] for name in PARTS)
    assert train.max() < validation.min() < validation.max() < test.min()
    assert train.iloc[0].startswith("2026-01-01T00:00:00")


def test_rows_that_are_the_same_stand_in_one_part(tmp_path: Path) -> None:
    # Two of each of ten rows, among 190 that are like no other.
    lines = [f"{i},{'yn'[i % 2]}" for i in [*range(200), *range(10)]]
    write_csv(tmp_path / "rows.csv", "a,y", *lines)
    results = run(tmp_path, data={"path": "rows.csv"})
    seen = [set(frame_of(results["split"], name)["a"]) for name in PARTS]
    assert sum(map(len, seen)) == 200


def test_columns_are_of_four_types(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    count = 50
    table = pyarrow.table(
        {
            "code": [i % 5 for i in range(count)],
            "flag": [i % 2 == 0 for i in range(count)],
            "gaps": [1 if i % 2 else None for i in range(count)],
            "list": [[i] for i in range(count)],
            "name": [f"person {i}" for i in range(count)],
            "y": [float(i) for i in range(count)],
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "rows.parquet")
    features = {
        "categorical": ["code", "gaps"],
        "drop": ["list", "name"],
        "sensitive": ["name"],
    }
    data = {"path": "rows.parquet"}
    results = run(tmp_path, data=data, features=features, task="regression")
    train = frame_of(results["split"], "train")
    assert list(train.columns) == table.column_names
    assert [str(kind) for kind in train.dtypes] == [
        "int64", "bool", "object", "object", "object", "float64",
    ]  # fmt: skip
    assert set(train["gaps"]) == {"1", None}
    # Nobody uses them: what no column can hold, and what is nobody's business, is left out.
    assert set(train["list"]) == set(train["name"]) == {None}


@pytest.mark.parametrize(
    ("targets", "positive", "kind"),
    [
        (("1", "0"), 0, "int64"),
        (("true", "false"), False, "bool"),
        (("2", "-10"), None, "int64"),
        (("good", "bad"), "bad", "object"),
    ],
)
def test_classes_are_whole_numbers_truth_values_or_text(
    tmp_path: Path, targets: tuple[str, str], positive: Any, kind: str
) -> None:
    lines = [f"{i},{targets[i % 2]}" for i in range(40)]
    write_csv(tmp_path / "rows.csv", "a,y", *lines)
    problem = {} if positive is None else {"positive": positive}
    results = run(tmp_path, data={"path": "rows.csv"}, problem=problem)
    assert str(frame_of(results["split"], "train")["y"].dtype) == kind


def test_the_same_rows_and_seed_give_the_same_parts(tmp_path: Path) -> None:
    digests = set()
    for place in range(2):
        folder = tmp_path / str(place)
        two_classes(folder / "rows.csv")
        results = run_data(pipeline(folder, data={"path": "rows.csv"}), folder / "work")
        digests.add(results["split"].output_digest)
    assert len(digests) == 1
