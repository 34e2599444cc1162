# SPDX-License-Identifier: Apache-2.0
"""Columns that Feast adds: a real repository, with files as its offline store."""

import importlib.util
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.training.data_runs import frame_of, pipeline, said_by, write_csv
from tests.training.tables import Notes

from penstock_training.errors import DataError, SpecError
from penstock_training.spec import PipelineSpec
from penstock_training.stages import ingest
from penstock_training.steps import StepResult, StepStore, run_steps

IS_THERE = importlib.util.find_spec("feast") is not None
NOON = datetime(2026, 3, 1, 12)
DAY = timedelta(days=1)
YAML = """\
project: fleet
provider: local
registry: registry.db
online_store: {type: sqlite, path: online.db}
entity_key_serialization_version: 3
"""
FEATURES = ["trips:rate", "trips:count", "towns:town"]

slow = pytest.mark.slow
needs_feast = pytest.mark.skipif(
    not IS_THERE, reason="Feast is not installed: pip install 'penstock[feast]'"
)
#: Feast and what it imports warn.
lets_warn = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two drivers' numbers of each day, kept for ten days, and the towns of two customers."""
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
    from feast.on_demand_feature_view import on_demand_feature_view
    from feast.types import Float64, Int64, String

    folder = tmp_path_factory.mktemp("repository")
    (folder / "feature_store.yaml").write_text(YAML)
    days = [NOON + day * DAY for day in range(3)]
    trips = {
        "driver": [1, 1, 1, 2],
        "event_timestamp": [*days, days[0]],
        "rate": [0.1, 0.2, 0.3, 0.9],
        "count": [10, 20, 30, 90],
    }
    towns = {"customer": ["a", "b"], "event_timestamp": [NOON] * 2, "town": ["Rom", "Ulm"]}
    views: list[Any] = []
    for name, table, key, kind, ttl in (
        ("trips", trips, "driver", ValueType.INT64, 10 * DAY),
        ("towns", towns, "customer", ValueType.STRING, None),
    ):
        path = folder / f"{name}.parquet"
        times = pd.to_datetime(table["event_timestamp"], utc=True)
        pd.DataFrame({**table, "event_timestamp": times}).to_parquet(path)
        schema = {"rate": Float64, "count": Int64, "town": String}
        views.append(
            FeatureView(
                name=name,
                entities=[Entity(name=key, join_keys=[key], value_type=kind)],
                ttl=ttl,
                schema=[Field(name=one, dtype=schema[one]) for one in table if one in schema],
                source=FileSource(path=str(path), timestamp_field="event_timestamp"),
            )
        )

    def doubled(inputs: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"twice": inputs["rate"] * 2})

    twice = [Field(name="twice", dtype=Float64)]
    on_demand = on_demand_feature_view(sources=[views[0]], schema=twice)(doubled)
    keys = [
        Entity(name="driver", join_keys=["driver"], value_type=ValueType.INT64),
        Entity(name="customer", join_keys=["customer"], value_type=ValueType.STRING),
    ]
    FeatureStore(repo_path=str(folder)).apply([*keys, *views, on_demand])
    return folder


def rows(path: Path) -> Path:
    """Rows out of the order of their times, of which two are alike, and their targets."""
    return write_csv(
        path,
        "driver,customer,at,y",
        "1,a,2026-03-02T13:00:00,no",  # the second day's
        "1,b,2026-03-01T12:00:00,yes",  # the first day's: a value of that very time counts
        "2,a,2026-03-09T12:00:00,no",  # nine days old
        "2,b,2026-03-12T12:00:00,yes",  # eleven days old: too old
        "1,a,2026-02-28T12:00:00,no",  # before there was any
        "1,a,2026-03-02T13:00:00,yes",  # as the first
        "7,a,2026-03-03T13:00:00,no",  # nobody knows the driver
        ",a,2026-03-03T13:00:00,yes",  # nor who it is
    )


def spec(folder: Path, **feast: Any) -> PipelineSpec:
    told = {"features": FEATURES, "timestamp": "at", **feast}
    features = {"drop": ["driver", "customer", "at"]}
    data = {"path": "rows.csv", "feast": told}
    return pipeline(folder, data=data, features=features)


def run(spec: PipelineSpec, work: Path, notes: Notes | None = None) -> StepResult:
    store = StepStore(work)
    return run_steps([ingest.STEP], spec, store, notes or Notes(), libraries={})["ingest"]


def refused(folder: Path, own: Path, **feast: Any) -> str:
    with pytest.raises(DataError) as caught:
        run(spec(folder, **{"repository": str(own), **feast}), folder / "work")
    return str(caught.value)


@slow
@needs_feast
@lets_warn
def test_each_row_gets_what_was_known_at_its_time(repository: Path, tmp_path: Path) -> None:
    rows(tmp_path / "rows.csv")
    notes = Notes()
    ingested = run(spec(tmp_path, repository=str(repository)), tmp_path / "work", notes)
    frame = frame_of(ingested, "rows")
    assert frame.columns.tolist() == ["driver", "customer", "at", "y", "rate", "count", "town"]
    assert frame["y"].tolist() == ["no", "yes"] * 4
    assert frame["rate"].fillna(-1).tolist() == [0.2, 0.1, 0.9, -1, -1, 0.2, -1, -1]
    assert frame["count"].fillna(-1).tolist() == [20, 10, 90, -1, -1, 20, -1, -1]
    towns = ["Rom", "Ulm", "Rom", "Ulm", None, "Rom", "Rom", "Rom"]
    assert frame["town"].tolist() == towns
    assert said_by(ingested, "source.json")["unmatched"] == {"trips": 4, "towns": 1}
    assert "ingest: 4 of 8 rows have no value of trips" in notes.lines


@slow
@needs_feast
@lets_warn
def test_a_changed_feature_is_seen_and_one_that_is_not_changes_nothing(
    repository: Path, tmp_path: Path
) -> None:
    rows(tmp_path / "rows.csv")
    own = shutil.copytree(repository, tmp_path / "repository")
    stored = own / "trips.parquet"
    from feast import FeatureStore, FileSource

    store = FeatureStore(repo_path=str(own))
    view = store.get_feature_view("trips")
    view.batch_source = FileSource(path=str(stored), timestamp_field="event_timestamp")
    store.apply([view])
    told = spec(tmp_path, repository=str(own))
    first = run(told, tmp_path / "work")
    again = run(told, tmp_path / "work")
    assert not again.is_cached and again.output_digest == first.output_digest
    frame = pd.read_parquet(stored)
    frame["rate"] += 1
    frame.to_parquet(stored)
    assert run(told, tmp_path / "work").output_digest != first.output_digest


@slow
@needs_feast
@lets_warn
def test_what_the_repository_or_the_rows_lack_is_told(repository: Path, tmp_path: Path) -> None:
    rows(tmp_path / "rows.csv")

    def said(**feast: Any) -> str:
        return refused(tmp_path, repository, **feast)

    assert "no feature view 'trip': it has doubled, towns, trips." in said(features=["trip:rate"])
    assert "trips has no feature 'rates': it has count, rate." in said(features=["trips:rates"])
    assert "doubled is computed on demand" in said(features=["doubled:twice"])
    write_csv(tmp_path / "rows.csv", "customer,at,y", "a,2026-03-02T13:00:00,no")
    assert "the data have no column 'driver', by which Feast finds them" in said()
    write_csv(tmp_path / "rows.csv", "driver,at,y", "1,2020-03-02T13:00:00,no")
    assert "no row has a value of trips" in said(features=["trips:rate"])
    write_csv(tmp_path / "rows.csv", "driver,at,y", "x,2026-03-02T13:00:00,no")
    assert "[data.feast] Feast says: " in said(features=["trips:rate"])


@pytest.mark.parametrize(
    ("line", "feast", "sentence"),
    [
        ("driver,when,y", {}, "timestamp: the data have no column 'at'"),
        ("driver,y,at", {}, "timestamp: column 'at' holds values of string: wanted times"),
        ("at,rate,y", {"timestamp": "at"}, "the data have a column 'rate' already"),
        ("at,rate,y", {"repository": "nowhere"}, "nowhere has no feature_store.yaml"),
    ],
)
def test_what_can_be_told_without_feast_is(
    line: str, feast: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    write_csv(tmp_path / "rows.csv", line, "2026-03-02T13:00:00,0.5,no")
    (tmp_path / "feature_store.yaml").write_text(YAML)
    assert sentence in refused(tmp_path, tmp_path, **feast)


@pytest.mark.skipif(IS_THERE, reason="Feast is installed")
def test_without_feast_the_mend_is_told(tmp_path: Path) -> None:
    write_csv(tmp_path / "rows.csv", "at,y", "2026-03-02T13:00:00,no")
    (tmp_path / "feature_store.yaml").write_text(YAML)
    assert "needs the package feast: pip install 'penstock[feast]'." in refused(tmp_path, tmp_path)


def test_two_features_of_one_name_need_their_views_names(tmp_path: Path) -> None:
    features = ["trips:town", "towns:town"]
    with pytest.raises(SpecError, match="two features would be the column town"):
        spec(tmp_path, repository=".", features=features)
    told = spec(tmp_path, repository=".", features=features, full_names=True).data.feast
    assert told is not None and told.columns == ("trips__town", "towns__town")
    with pytest.raises(SpecError, match=r"\[data\] feast features 1"):
        spec(tmp_path, repository=".", features=["town"])
