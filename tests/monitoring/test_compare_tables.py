# SPDX-License-Identifier: Apache-2.0
"""Two tables compared: what has drifted is found, what has not is left alone, and why is told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import chi2, kstest
from typer.testing import CliRunner

from penstock.cli import app
from penstock.drift import Alarm, ColumnDrift, DriftStatus, WatchedColumn
from penstock.errors import PenstockError
from penstock.profile import number_places
from penstock_monitoring import compare, profile_of_table, write_profile
from penstock_monitoring.commands import add_to
from penstock_monitoring.onset import onset_of
from penstock_monitoring.table_counts import UNSEEN_MAX, ColumnCounts
from penstock_monitoring.table_evidence import log_e_of, log_p_of_bins, log_p_of_rate
from penstock_monitoring.tables import open_table

NOW = 1_795_000_000.0
ROWS = 6000


def frame(seed: int, rows: int = ROWS) -> pd.DataFrame:
    draws = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": draws.normal(40, 12, rows).round(),
            "income": draws.lognormal(10, 0.5, rows),
            "city": draws.choice(["Rome", "Milan", "Turin"], rows, p=[0.5, 0.3, 0.2]),
            "tenure": np.where(draws.random(rows) < 0.03, np.nan, draws.exponential(20, rows)),
            "tax_code": [f"secret{number}" for number in draws.integers(0, 10**9, rows)],
        }
    )


def told(reference: Any, current: Any, **asked: Any) -> DriftStatus:
    return compare(reference, current, now=NOW, **asked).status


def column(status: DriftStatus, name: str) -> ColumnDrift:
    [found] = [one for one in status.columns if one.name == name]
    return found


def alarms(status: DriftStatus, kind: str) -> list[Alarm]:
    return [alarm for alarm in status.alarms if alarm.kind == kind]


def test_tables_alike_raise_no_alarm() -> None:
    for seed in range(1, 30):
        status = told(frame(0, 2000), frame(seed, 1500), sensitive=["tax_code"])
        assert status.alarms == ()
        assert {one.state for one in status.columns} == {"ok"}


def test_small_tables_raise_no_alarm_where_a_plain_psi_often_does() -> None:
    draws = np.random.default_rng(8)
    reference, current = draws.normal(size=(1000, 300)), draws.normal(size=(500, 300))
    edges = np.quantile(reference, np.arange(1, 30) / 30, axis=0)
    p, q = (
        np.stack(
            [
                np.bincount(np.searchsorted(edges[:, place], one[:, place]), minlength=30)
                for place in range(300)
            ]
        )
        / len(one)
        + 1e-4
        for one in (current, reference)
    )
    plain = ((p - q) * np.log(p / q)).sum(axis=1)
    assert np.mean(plain > 0.1) > 0.2
    status = told(reference, current)
    assert status.alarms == () and {one.state for one in status.columns} == {"ok"}


def test_what_has_drifted_is_found_and_nothing_else() -> None:
    current = frame(1)
    current["income"] *= 1.3
    current["city"] = np.random.default_rng(2).choice(["Rome", "Milan", "Turin"], ROWS)
    status = told(frame(0), current, sensitive=["tax_code"])
    assert {one.name: one.state for one in status.columns} == {
        "age": "ok",
        "income": "alarm",
        "city": "alarm",
        "tenure": "ok",
        "tax_code": "ok",
    }
    [alarm] = alarms(status, "drift")
    assert set(alarm.columns) == {"income", "city"}
    assert alarm.effect is not None and alarm.effect.low > 0.1
    assert column(status, "income").log_e > column(status, "income").log_limit
    assert (status.version, status.ticks, status.reference_rows) == (0, 0, ROWS)


def test_counts_are_those_of_a_recount(tmp_path: Path) -> None:
    current = frame(3)
    current.loc[:4, "income"] = np.inf
    pq.write_table(pa.Table.from_pandas(current), tmp_path / "current.parquet", row_group_size=999)
    profile = profile_of_table(frame(0))
    [feature] = [one for one in profile.features if one.name == "income"]
    assert feature.kind == "numeric"
    watched = WatchedColumn(
        name="income",
        tensor="",
        reading="number",
        edges=feature.edges,
        minimum=feature.minimum,
        maximum=feature.maximum,
    )
    counted = ColumnCounts(column=watched, datatype="FP32", rows=ROWS)
    batches = list(open_table(tmp_path / "current.parquet").batches(["income"]))
    for batch in batches:
        counted.add(batch.column("income"), None)
    values = current["income"].to_numpy().astype(np.float32)
    expected = np.bincount(number_places(values, feature.edges), minlength=watched.places)
    assert counted.counts.tolist() == expected.tolist()
    finite = values[np.isfinite(values)]
    assert feature.minimum is not None and feature.maximum is not None
    assert counted.outside.tolist() == [
        np.sum(finite < np.float32(feature.minimum)),
        np.sum(finite > np.float32(feature.maximum)),
    ]
    assert counted.counts[-1] == 5


def test_files_and_tables_and_profiles_are_told_of_alike(tmp_path: Path) -> None:
    paths = [tmp_path / "reference.parquet", tmp_path / "current.parquet"]
    tables = [frame(0), frame(1).assign(age=lambda table: table["age"] + 9)]
    for path, table in zip(paths, tables, strict=True):
        pq.write_table(pa.Table.from_pandas(table), path, row_group_size=1000)
    profile = profile_of_table(tables[0])
    write_profile(profile, tmp_path / "profile.json")
    expected = told(profile, tables[1])
    for reference in (tables[0], paths[0], tmp_path / "profile.json"):
        for current in (tables[1], str(paths[1])):
            found = told(reference, current)
            assert (found.columns, found.alarms) == (expected.columns, expected.alarms)
    assert found.model == "current.parquet"


def test_the_schema_is_compared_too() -> None:
    current = frame(1).drop(columns=["age"]).assign(more=1)
    current["tenure"] = current["tenure"].astype(str)
    status = told(frame(0), current)
    messages = [alarm.message for alarm in alarms(status, "schema")]
    assert messages == [
        "age is not there any more.",
        "tenure is string, and the reference has numbers.",
    ]
    assert any("New columns, which the reference has not: more." in one for one in status.notes)
    assert {one.name for one in status.columns} == {"income", "city", "tax_code"}


def missing(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(tenure=table["tenure"].where(np.arange(ROWS) % 5 > 0))


def infinite(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(income=table["income"].where(np.arange(ROWS) > 2, np.inf))


@pytest.mark.parametrize(
    ("changed", "kind", "name", "message"),
    [
        (missing, "missing", "tenure", r"is missing in 22\.\d+% of rows, and was in 2\.\d+%"),
        (infinite, "infinite", "income", "has 3 infinite values"),
        (lambda t: t.assign(age=t["age"] + 60), "range", "age", "above all of the reference"),
        (
            lambda t: t.assign(income=t["income"] * 1000),
            "unit",
            "income",
            r"is 1000 times",
        ),
        (lambda t: t.assign(income=t["income"] / 60), "unit", "income", r"is 1/(5[7-9]|6[0-3])"),
        (lambda t: t.assign(age=40.0), "constant", "age", "is always 40"),
        (lambda t: t.assign(city="Rome"), "constant", "city", "is always Rome"),
        (
            lambda t: t.assign(city=t["city"].where(np.arange(ROWS) % 9 > 0, "Genoa")),
            "unseen",
            "city",
            "other categories in 11.12% of rows",
        ),
    ],
)
def test_a_broken_rule_of_data_quality_is_named(
    changed: Callable[[pd.DataFrame], pd.DataFrame], kind: str, name: str, message: str
) -> None:
    status = told(frame(0), changed(frame(1)), sensitive=["tax_code"])
    [alarm] = alarms(status, kind)
    assert alarm.columns == (name,)
    with pytest.raises(ValueError, match=message):
        raise ValueError(alarm.message)
    assert column(status, name).state == "alarm"


def test_columns_that_break_a_rule_together_are_one_alarm() -> None:
    reference = pd.DataFrame(np.random.default_rng(9).normal(size=(500, 6)), columns=list("abcdef"))
    status = told(reference, reference.assign(a=np.nan, b=np.nan, c=np.nan, d=np.nan))
    [alarm] = alarms(status, "missing")
    assert alarm.columns == ("a", "b", "c", "d")
    assert alarm.message.startswith("a is missing in 100.00% of rows, and was in 0.00%; b is")
    assert alarm.message.endswith("; and 1 more column.")


def test_new_categories_are_named_unless_they_are_rare_or_sensitive() -> None:
    current = frame(1)
    current.loc[:299, "city"] = "Genoa"
    current.loc[300:302, "city"] = "Anna Rossi"
    assert column(told(frame(0), current), "city").unseen == (("Genoa", 300),)
    hidden = compare(frame(0), current, sensitive=["city", "tax_code"], now=NOW)
    for text in (hidden.to_json(), hidden.to_html()):
        assert "Genoa" not in text and "secret" not in text and "Rome" not in text


def test_categories_by_the_million_take_bounded_memory() -> None:
    watched = WatchedColumn(name="id", tensor="", reading="category", categories=("a",))
    counted = ColumnCounts(column=watched, datatype="BYTES", rows=200_000)
    for first in range(0, 200_000, 10_000):
        counted.add(pa.array(["often"] * 50 + [f"user {first + n}" for n in range(9_950)]), None)
        assert len(counted.unseen) <= UNSEEN_MAX
    assert counted.counts.tolist() == [0, 200_000, 0]
    assert counted.commonest_unseen(3, 5) == (("often", 1000),)


def test_predictions_are_outputs_beside_the_scores_of_the_profile() -> None:
    draws = np.random.default_rng(5)
    reference = frame(0).assign(p=draws.beta(2, 5, ROWS))
    current = frame(1).assign(p=draws.beta(5, 2, ROWS))
    status = told(reference, current, predictions="p")
    assert column(status, "p").is_output and column(status, "p").state == "alarm"
    with pytest.raises(PenstockError, match="2 columns of predictions are named, and the ref"):
        told(
            profile_of_table(reference, predictions={"p": "yes"}),
            current.assign(q=0.5),
            predictions={"p": "yes", "q": "no"},
        )


def test_an_onset_is_where_rows_began_to_differ() -> None:
    times = pd.Timestamp("2026-03-01") + pd.to_timedelta(np.arange(ROWS) * 60, unit="s")
    current = frame(1).assign(at=times)
    current.loc[ROWS // 2 :, "income"] *= 2
    status = told(frame(0), current, time="at", sensitive=["tax_code"])
    income = column(status, "income")
    began = times[ROWS // 2].timestamp()
    width = (status.end - status.begin) / len(income.history)
    assert income.onset == pytest.approx(began, abs=width)
    assert alarms(status, "drift")[0].onset == income.onset
    before = [point.psi for point in income.history if point.end <= began]
    after = [point.psi for point in income.history if point.begin >= began]
    assert np.median(before) < 0.02 and max(before) < 0.5 < min(after)
    assert sum(point.rows for point in income.history) == ROWS
    assert column(status, "age").onset is None


def test_the_onset_of_a_lasting_difference_is_the_first_span() -> None:
    draws = np.random.default_rng(6)
    reference = np.array([400.0, 300.0, 300.0])
    drifted = draws.multinomial(300, [0.3, 0.3, 0.4], size=20).astype(float)
    assert onset_of(drifted, reference) <= 2
    changed = np.concatenate([draws.multinomial(300, [0.4, 0.3, 0.3], size=12), drifted[:8]])
    assert abs(onset_of(changed, reference) - 12) <= 1


def test_p_values_are_there_on_request_and_uniform_without_drift() -> None:
    draws = np.random.default_rng(7)
    reference, current = draws.normal(size=(3000, 150)), draws.normal(size=(2000, 150))
    assert compare(reference, current).log_p_values is None
    found = compare(reference, current, p_values=True).log_p_values
    assert found is not None
    assert kstest(np.exp(list(found.values())), "uniform").pvalue > 0.01


def test_an_e_value_is_worth_one_on_average_without_a_difference() -> None:
    # By substitution p = exp(-x): the mean of e over uniform p is that of e(p) exp(-x) over x.
    x = np.linspace(1e-3, 400, 400_000)
    weighted = np.exp([log_e_of(-one) - one for one in x])
    assert np.trapezoid(weighted, x) == pytest.approx(1.0, abs=0.02)
    assert log_e_of(-5000.0) == pytest.approx(5000 - 2 * np.log(5000))
    assert log_e_of(0.0) == pytest.approx(np.log(0.5))


def test_the_test_of_bins_is_chi_square_also_where_floats_end() -> None:
    live, reference = np.array([30.0, 70.0]), np.array([500.0, 500.0])
    pooled = (live + reference) / 1100
    g = 2 * sum(
        float((counts * np.log(counts / (counts.sum() * pooled))).sum())
        for counts in (live, reference)
    )
    assert log_p_of_bins(live, reference) == pytest.approx(chi2.logsf(g, 1), rel=1e-9)
    assert log_p_of_bins(live, reference, dispersion=2.0) == pytest.approx(
        chi2.logsf(g / 2, 1), rel=1e-9
    )
    far = log_p_of_bins(live * 1000, reference * 1000)
    assert -g * 500 * 1.05 < far < -g * 500 * 0.95
    assert log_p_of_bins(np.zeros(2), reference) == 0.0


def test_a_rate_within_the_tolerance_is_no_evidence() -> None:
    assert log_p_of_rate((50, 1000), (40, 1000), tolerance=0.02) > np.log(0.5)
    assert log_p_of_rate((150, 1000), (40, 1000), tolerance=0.02) < np.log(1e-6)
    assert log_p_of_rate((0, 0), (40, 1000), tolerance=0.02) == 0.0


def test_few_rows_say_nothing() -> None:
    status = told(frame(0), frame(1, 20).assign(age=90.0))
    assert {one.state for one in status.columns} == {"learning"}


@pytest.mark.parametrize(
    ("current", "asked", "sentence"),
    [
        (frame(1)[["age"]].iloc[:0], {}, "the current table has no rows"),
        (pd.DataFrame({"other": [1.0]}), {}, "no column of .* that can be compared"),
        (frame(1), {"false_discovery_rate": 0}, "a false discovery rate is 0"),
        (frame(1), {"time": "city"}, "'city' is string: wanted timestamps"),
        (frame(1), {"time": "nothing"}, "no column 'nothing' to take times from"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(
    current: Any, asked: dict[str, Any], sentence: str
) -> None:
    reference = frame(0).drop(columns=["city"])
    with pytest.raises(PenstockError, match=sentence):
        told(reference, current, **asked)


def test_the_command_tells_of_alarms_and_fails_on_them_if_asked(tmp_path: Path) -> None:
    add_to(app)
    paths = [str(tmp_path / f"{name}.parquet") for name in ("reference", "current")]
    pq.write_table(pa.Table.from_pandas(frame(0)), paths[0])
    pq.write_table(pa.Table.from_pandas(frame(1).assign(age=lambda t: t["age"] + 20)), paths[1])
    runner = CliRunner(env={"COLUMNS": "120", "TERM": "dumb"})
    page = tmp_path / "report.html"
    options = ["--exclude", "tax_code", "--html", str(page), "--fail-on-alarm"]
    done = runner.invoke(app, ["drift", "compare", *paths, *options])
    assert done.exit_code == 1, done.output
    assert done.output.startswith("1 of 4 columns has drifted: age (PSI")
    assert page.read_text().startswith("<!doctype html>")
    alike = ["drift", "compare", paths[0], paths[0], *options, "--json", "--p-values"]
    done = runner.invoke(app, alike)
    assert done.exit_code == 0
    assert json.loads(done.output)["alarms"] == []
    assert runner.invoke(app, ["drift", "compare", "none.parquet", paths[0]]).exit_code == 4


def test_a_name_commands_no_terminal(tmp_path: Path) -> None:
    add_to(app)
    name = "\x1b]0;mine\x07\x1b[2Jred\nline"
    draws = np.random.default_rng(0)
    for file, shift in (("reference", 0.0), ("current", 3.0)):
        table = pd.DataFrame({name: draws.normal(shift, 1.0, 500)})
        table.to_parquet(tmp_path / f"{file}.parquet")
    paths = [str(tmp_path / f"{file}.parquet") for file in ("reference", "current")]
    done = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"}).invoke(
        app, ["drift", "compare", *paths]
    )
    assert done.exit_code == 0, done.stdout
    assert "\x1b" not in done.stdout
    assert "\x07" not in done.stdout
    assert "\\u001b]0;mine" in done.stdout


def test_of_a_reference_of_few_rows_nothing_is_said() -> None:
    status = told(frame(0)[:1], frame(1), sensitive=["tax_code"])
    assert {one.state for one in status.columns} == {"learning"}
    assert status.alarms == ()


def test_a_column_to_leave_out_that_neither_table_has_is_refused() -> None:
    of_one = frame(0).assign(old=1.0), frame(1).assign(new=1.0)
    status = told(*of_one, exclude=["old", "new", "tax_code"])
    assert not {"old", "new"} & {one.name for one in status.columns}
    with pytest.raises(PenstockError, match="neither table has a column 'nwe', which was to be"):
        told(*of_one, exclude=["nwe"])


def test_a_profile_in_the_place_of_the_current_table_is_refused() -> None:
    with pytest.raises(PenstockError, match="a profile is the reference, and comes first"):
        compare(frame(0), "profile.json")
