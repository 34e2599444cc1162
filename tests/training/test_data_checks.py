# SPDX-License-Identifier: Apache-2.0
"""What deceives is found, what is only good is not, and each finding does what it is told to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.training.data_runs import frame_of, pipeline, run_data, said_by, write_csv

from penstock_training.data.columns import Columns
from penstock_training.data.doubted import Doubts, findings_of
from penstock_training.data.leakage import leaks
from penstock_training.data.same_rows import TWINS_MAX, blocks_of, kinds_of_rows
from penstock_training.errors import DataError

ROWS = 200


def findings(folder: Path, **tables: Any) -> list[dict[str, Any]]:
    results = run_data(pipeline(folder, **tables), folder / "work")
    return [
        *said_by(results["validate"], "validation.json")["findings"],
        *said_by(results["split"], "split.json")["findings"],
    ]


def written(folder: Path, header: str, row: Callable[[int], str], rows: int = ROWS) -> Path:
    return write_csv(folder / "rows.csv", header, *(row(i) for i in range(rows)))


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("breast_cancer", "binary"),
        ("diabetes", "regression"),
        ("iris", "multiclass"),
        ("wine", "multiclass"),
    ],
)
def test_honest_data_leak_nothing(tmp_path: Path, name: str, task: str) -> None:
    checks = {"leakage": "refuse", "contamination": "refuse"}
    data = {"sklearn": name, "checks": checks}
    assert findings(tmp_path, data=data, task=task, target="target") == []


@pytest.mark.parametrize(
    ("column", "leak"),
    [
        ("a copy", lambda y: str(y)),
        ("another name", lambda y: ("left", "right")[y]),
        ("what is missing", lambda y: "1.5" if y else ""),
        ("a bound", lambda y: str(0.3 + y)),
    ],
)
def test_a_feature_that_knows_the_target_stops_the_run(
    tmp_path: Path, column: str, leak: Callable[[int], str]
) -> None:
    noise = np.random.default_rng(0).normal(size=ROWS)
    targets = np.random.default_rng(1).integers(0, 2, ROWS)
    written(tmp_path, "a,b,y", lambda i: f"{noise[i]},{leak(int(targets[i]))},{targets[i]}")
    data = {"path": "rows.csv", "checks": {"leakage": "refuse"}}
    with pytest.raises(DataError) as error:
        findings(tmp_path, data=data)
    said = str(error.value)
    assert said.startswith("feature 'b' alone predicts the target 'y' (100.0% of what is possible)")
    assert said.endswith('If that is as it should be, set leakage = "warn" in [data.checks].')
    data["checks"] = {"leakage": "warn"}
    (found,) = findings(tmp_path, data=data)
    assert (found["check"], found["severity"], found["columns"]) == ("leakage", "warn", ["b"])


def test_a_copy_of_a_quantity_is_found_and_a_likeness_is_not(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    y = draws.normal(size=2000)
    noise = 0.3 * draws.normal(size=2000)
    lines = [f"{3 * y[i] + 1},{y[i] + noise[i]},{y[i]}" for i in range(2000)]
    write_csv(tmp_path / "rows.csv", "copy,like,y", *lines)
    data = {"path": "rows.csv", "checks": {"leakage": "warn"}}
    found = findings(tmp_path, data=data, task="regression")
    assert [one["columns"] for one in found] == [["copy"]]


def test_names_of_rows_are_told_apart_from_leaks(tmp_path: Path) -> None:
    written(tmp_path, "id,a,y", lambda i: f"customer {i},{i / 3},{'yn'[i % 2]}")
    data = {"path": "rows.csv", "checks": {"leakage": "refuse"}}
    (found,) = findings(tmp_path, data=data)
    assert (found["check"], found["columns"]) == ("identifier", ["id"])


def test_few_rows_are_no_evidence_of_a_leak() -> None:
    import pyarrow

    table = pyarrow.table(
        {"a": [float(i) for i in range(20)], "y": [int(i > 9) for i in range(20)]}
    )
    columns = Columns(target="y", numeric=("a",), categorical=())
    assert leaks(table, columns, is_classes=True, answer="refuse", seed=0) == []


def test_repeated_and_contradicting_rows_are_counted(tmp_path: Path) -> None:
    written(tmp_path, "a,c,y", lambda i: f"{i % 190},x,{'yn'[i % 2] if i < 195 else 'n'}")
    data = {"path": "rows.csv", "checks": {"duplicates": "warn"}}
    (found,) = findings(tmp_path, data=data)
    assert found["sentence"].startswith("10 of 200 rows have the features of a row before them")
    # Rows 195, 197 and 199 say n where rows 5, 7 and 9 say n as well; 196 and 198 do not.
    assert found["sentence"].endswith(
        "4 rows are like others in all features and unlike in the target."
    )
    data["checks"] = {"duplicates": "refuse"}
    with pytest.raises(DataError, match=r'set duplicates = "warn" in \[data.checks\]'):
        findings(tmp_path, data=data)


def test_rows_that_train_and_test_stop_the_run(tmp_path: Path) -> None:
    written(tmp_path, "a,t,y", lambda i: f"{i % 150},{i},{'yn'[i % 2]}")
    split = {"method": "time", "column": "t"}
    data = {"path": "rows.csv", "checks": {"contamination": "refuse"}}
    with pytest.raises(DataError) as error:
        findings(tmp_path, data=data, split=split)
    assert str(error.value).startswith(
        "40 of 40 rows of the test part have the features of rows of the train part"
    )
    data["checks"] = {"contamination": "warn"}
    found = findings(tmp_path, data=data, split=split)
    assert {one["check"] for one in found} == {"contamination"}
    # A split that may choose keeps them together.
    few = {"path": "rows.csv", "checks": {"contamination": "refuse"}}
    written(tmp_path, "a,t,y", lambda i: f"{i % 185},{i},{'yn'[i % 2]}")
    assert findings(tmp_path, data=few, features={"drop": ["t"]}) == []


def test_rows_are_the_same_as_the_served_model_sees_them() -> None:
    import pyarrow

    table = pyarrow.table(
        {
            "a": [0.1, 0.1 + 1e-12, None, None, 0.2],
            "b": ["x", "x", None, None, "x"],
            "c": [True, True, None, None, True],
        }
    )
    columns = Columns(target="y", numeric=("a", "c"), categorical=("b",))
    kinds = kinds_of_rows(table, columns).tolist()
    assert kinds[0] == kinds[1]
    assert kinds[2] == kinds[3]
    assert len(set(kinds)) == 3


CELLS = st.sampled_from([0.0, -0.0, 1.0, 1.0 + 1e-12, -1.0, 1e300, None])


@given(
    rows=st.lists(st.tuples(CELLS, CELLS, st.sampled_from(["x", "y", "", None])), max_size=60),
)
@settings(max_examples=60, deadline=None)
def test_kinds_are_those_of_a_dull_reference(rows: list[tuple[Any, Any, Any]]) -> None:
    import pyarrow

    names = ("a", "b", "c")
    kinds = (pyarrow.float64(), pyarrow.float64(), pyarrow.string())
    arrays = [pyarrow.array([row[i] for row in rows], kinds[i]) for i in range(3)]
    table = pyarrow.table(dict(zip(names, arrays, strict=True)))
    columns = Columns(target="y", numeric=("a", "b"), categorical=("c",))
    found = kinds_of_rows(table, columns).tolist()
    with np.errstate(over="ignore"):
        seen = [
            tuple(None if one is None else float(np.float32(one)) for one in row[:2]) + row[2:]
            for row in rows
        ]
    for i in range(len(rows)):
        assert [found[i] == found[j] for j in range(i)] == [seen[i] == seen[j] for j in range(i)]


def test_rows_of_few_kinds_are_split_one_by_one() -> None:
    few = np.arange(100) % 7
    assert len(set(blocks_of(few))) == 100
    many = np.concatenate([np.arange(100), np.arange(int(100 * TWINS_MAX / 2))])
    assert np.array_equal(blocks_of(many), many)


def flipped(folder: Path, *, share: float, seed: int = 0) -> set[int]:
    """Two clouds, some rows of which have the other's label; the rows' places."""
    draws = np.random.default_rng(seed)
    y = np.arange(300) % 2
    x = draws.normal(size=(300, 3)) + 4 * y[:, None]
    # One way alone: from 1 to 0.
    flips = draws.choice(np.flatnonzero(y == 1), int(share * 300), replace=False)
    names = np.where(y == 1, "good", "bad")
    names[flips] = "bad"
    lines = [f"{x[i, 0]},{x[i, 1]},{x[i, 2]},{names[i]}" for i in range(300)]
    write_csv(folder / "rows.csv", "a,b,c,y", *lines)
    return set(flips.tolist())


def test_flipped_labels_are_doubted_and_told_apart_from_mistakes(tmp_path: Path) -> None:
    flips = flipped(tmp_path, share=0.12)
    data = {"path": "rows.csv", "checks": {"labels": "warn"}}
    results = run_data(pipeline(tmp_path, data=data), tmp_path / "work")
    doubted = frame_of(results["validate"], "doubted")
    assert len(flips & set(doubted.index)) > 0.8 * len(flips)
    assert len(doubted) < 1.2 * len(flips)
    assert set(doubted["given"]) == {"bad"}
    assert (np.diff(doubted["quality"]) >= 0).all()
    labels, one_way = said_by(results["validate"], "validation.json")["findings"]
    assert labels["severity"] == "warn"
    assert " of 300 labels are contradicted by the other rows" in labels["sentence"]
    assert "rows labelled 'bad' look like 'good', and 0 the other way round" in one_way["sentence"]
    data["checks"] = {"labels": "refuse"}
    with pytest.raises(DataError, match="labels are contradicted"):
        run_data(pipeline(tmp_path, data=data), tmp_path / "work")


def test_a_quantity_far_from_what_others_say_is_doubted(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    x = draws.normal(size=(300, 2))
    y = x[:, 0] + 0.5 * x[:, 1] + 0.1 * draws.normal(size=300)
    y[[7, 70, 170]] += 30
    lines = [f"{x[i, 0]},{x[i, 1]},{y[i]}" for i in range(300)]
    write_csv(tmp_path / "rows.csv", "a,b,y", *lines)
    data = {"path": "rows.csv", "checks": {"labels": "warn"}}
    spec = pipeline(tmp_path, data=data, task="regression")
    results = run_data(spec, tmp_path / "work")
    doubted = frame_of(results["validate"], "doubted")
    assert set(doubted.index[:3]) == {7, 70, 170}
    assert (doubted["given"] - doubted["expected"]).iloc[:3].min() > 20
    (found,) = said_by(results["validate"], "validation.json")["findings"]
    assert found["severity"] == "note"


def test_mistakes_both_ways_are_no_plan() -> None:
    doubts = Doubts(
        rows=np.arange(30),
        given=["a"] * 16 + ["b"] * 14,
        expected=["b"] * 16 + ["a"] * 14,
        quality=np.zeros(30),
        looked_at=100,
    )
    columns = Columns(target="y", numeric=("a",), categorical=())
    found = findings_of(doubts, columns, answer="warn", share_max=0.5, is_classes=True)
    assert [one.severity for one in found] == ["note"]


def test_the_same_rows_give_the_same_findings(tmp_path: Path) -> None:
    flipped(tmp_path, share=0.12)
    data = {"path": "rows.csv", "checks": {"labels": "warn", "leakage": "warn"}}
    digests = {
        run_data(pipeline(tmp_path, data=data), tmp_path / name)["validate"].output_digest
        for name in ("one", "two")
    }
    assert len(digests) == 1
