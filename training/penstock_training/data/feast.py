# SPDX-License-Identifier: Apache-2.0
"""Columns out of a feature repository of Feast: for each row, what was known at its time.

Feast is asked for each view by itself, once for each key and time, and its answers are laid beside
the rows. Its own join keeps neither the order of rows nor those that are alike, and its store of
files loses, for all views, the rows that are too late for the time to live of one.
"""

import functools
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, TypeVar

from penstock_training.data.tables import as_frame, plain
from penstock_training.errors import DataError
from penstock_training.spec import FeastSpec

__all__ = ["join_features"]

#: What Feast calls the column of times.
TIME = "event_timestamp"
_FILE = "feature_store.yaml"
_Answer = TypeVar("_Answer")


def join_features(table: Any, spec: FeastSpec, folder: Path) -> tuple[Any, dict[str, int]]:
    """`table` with a column per feature, and by view how many rows it has no value for.

    The value of a row is the last one of its keys that is not after the row's time, and not older
    than the view's time to live. Rows without a key or a time have none.

    `folder`: what the repository's path is relative to.

    Raises:
        DataError: Feast is not installed, the repository cannot be used or has no such feature, the
            rows lack a column, or no row has a value of a view.
    """
    repository = folder / spec.repository
    if not (repository / _FILE).is_file():
        raise DataError(
            f"[data.feast] repository: {repository} has no {_FILE}: wanted a repository of Feast."
        )
    _refuse_columns(table, spec)
    store = _open(repository)
    views = _views_of(store, spec)
    for view in views:
        _refuse_missing(table, _keys_of(view), spec)
    found: dict[str, Any] = {}
    without: dict[str, int] = {}
    for view in views:
        keys = _keys_of(view)
        features = [one for one in spec.features if one.partition(":")[0] == view.name]
        answer = _asked(store, table, keys, features, spec.timestamp)
        without[view.name] = _without_values(answer)
        if without[view.name] == len(table):
            raise DataError(
                f"[data.feast] features: no row has a value of {view.name}: do {_listed(keys)} "
                f"hold its keys, and {spec.timestamp} times at which there were values?"
            )
        found |= {one: answer.column(_full_name(one)) for one in features}
    for name, feature in zip(spec.columns, spec.features, strict=True):
        table = table.append_column(name, found[feature])
    return table, without


def _full_name(feature: str) -> str:
    """What Feast calls the column of VIEW:FEATURE."""
    return feature.replace(":", "__")


def _refuse_columns(table: Any, spec: FeastSpec) -> None:
    from pyarrow import types

    if spec.timestamp not in table.column_names:
        raise DataError(
            f"[data.feast] timestamp: the data have no column {spec.timestamp!r}: wanted one that "
            "holds the time of each row."
        )
    kind = table.column(spec.timestamp).type
    if not types.is_timestamp(kind):
        raise DataError(
            f"[data.feast] timestamp: column {spec.timestamp!r} holds values of {kind}: wanted "
            "times; CAST it by [data] sql."
        )
    for name in spec.columns:
        if name in table.column_names:
            raise DataError(
                f"[data.feast] features: the data have a column {name!r} already: set full_names = "
                "true, or leave one out."
            )


def _open(repository: Path) -> Any:
    try:
        from feast import FeatureStore
    except ModuleNotFoundError as error:
        raise DataError(
            f"[data.feast] needs the package {error.name}: pip install 'penstock[feast]'."
        ) from None
    return _told(lambda: FeatureStore(repo_path=str(repository)))


def _told(ask: Callable[[], _Answer]) -> _Answer:
    """What `ask` gives; what Feast and its stores raise, which may be anything, as a sentence."""
    try:
        return ask()
    except Exception as error:
        said = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
        raise DataError(f"[data.feast] Feast says: {said}.") from None


def _views_of(store: Any, spec: FeastSpec) -> list[Any]:
    """The views that the features are of."""
    from feast import FeatureView

    known = {view.name: view for view in _told(store.list_all_feature_views)}
    found = {}
    for feature in spec.features:
        name, _, column = feature.partition(":")
        if name not in known:
            raise DataError(
                f"[data.feast] features: the repository has no feature view {name!r}: it has "
                f"{_listed(known)}."
            )
        view = found[name] = known[name]
        if not isinstance(view, FeatureView):
            raise DataError(
                f"[data.feast] features: {name} is computed on demand, which only its own stored "
                "features are not: name those, or compute it by [data] sql."
            )
        columns = [field.name for field in view.features]
        if column not in columns:
            raise DataError(
                f"[data.feast] features: {name} has no feature {column!r}: it has "
                f"{_listed(columns)}."
            )
    return list(found.values())


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none; run feast apply"


def _keys_of(view: Any) -> list[str]:
    """The columns that Feast joins by, in order."""
    named = view.projection.join_key_map
    return sorted(named.get(column.name, column.name) for column in view.entity_columns)


def _refuse_missing(table: Any, keys: Sequence[str], spec: FeastSpec) -> None:
    for name in keys:
        if name not in table.column_names:
            raise DataError(
                f"[data.feast] features: the data have no column {name!r}, by which Feast finds "
                "them: name it so by AS in [data] sql, or in the file."
            )
        if name == spec.timestamp:
            raise DataError(f"[data.feast] timestamp: {name!r} is a key: wanted a row's time.")


def _asked(
    store: Any, table: Any, keys: Sequence[str], features: Sequence[str], timestamp: str
) -> Any:
    """A column per feature of one view, with a value or null for each row of `table`."""
    import pandas as pd
    import pyarrow

    rows = table.select([*keys, timestamp]).rename_columns([*keys, TIME])
    by = rows.column_names
    rows = rows.append_column("place", pyarrow.array(range(len(rows)))).drop_null()
    frame = as_frame(rows)
    names = [_full_name(one) for one in features]
    if not len(frame):
        return pyarrow.table({name: pyarrow.nulls(len(table)) for name in names})
    entities = frame[by].drop_duplicates(ignore_index=True)
    entities[TIME] = entities[TIME].astype("datetime64[ns]").dt.tz_localize("UTC")
    job = _told(
        lambda: store.get_historical_features(
            entity_df=entities, features=list(features), full_feature_names=True
        )
    )
    answer = plain(_told(job.to_arrow).select([*by, *names]))
    index = as_frame(answer.select(by))
    if index.duplicated().any():
        raise DataError("[data.feast] Feast gives more than one value for a key and time.")
    index["answer"] = range(len(index))
    merged = frame.merge(index.astype(frame[by].dtypes.to_dict()), on=by, how="left")
    places = pd.Series(pd.NA, index=range(len(table)), dtype="Int64")
    places[merged["place"]] = merged["answer"].astype("Int64").to_numpy()
    return answer.select(names).take(pyarrow.array(places, pyarrow.int64()))


def _without_values(found: Any) -> int:
    """How many rows have none of the features."""
    import pyarrow.compute as compute

    present = functools.reduce(compute.or_, map(compute.is_valid, found.columns))
    return len(found) - (compute.sum(present).as_py() or 0)
