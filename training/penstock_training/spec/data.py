# SPDX-License-Identifier: Apache-2.0
"""`[data]` and `[split]`: where rows come from, what is checked, and which of them train."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from penstock_training.spec.table import Table

__all__ = ["Answer", "ChecksSpec", "DataSpec", "FeastSpec", "SplitSpec"]

#: What a finding does to the run.
Answer = Literal["refuse", "warn", "ignore"]


class ChecksSpec(Table):
    """What is looked for in the rows, and what finding it does."""

    #: A feature alone that predicts the target almost surely, or is a copy of it.
    leakage: Answer = "refuse"
    #: Rows that stand in the data more than once.
    duplicates: Answer = "warn"
    #: Rows of training that stand among those of testing as well.
    contamination: Answer = "refuse"
    #: Labels that the other rows contradict (cleanlab). Costs a cross-validation.
    labels: Answer = "warn"
    #: The share of labels that may be doubted before `labels` finds something.
    doubted_labels_max: float = Field(default=0.1, ge=0, le=1)


class FeastSpec(Table):
    """Columns that Feast adds to each row, as they were at the row's time."""

    #: The folder of feature_store.yaml.
    repository: str
    #: VIEW:FEATURE, each a column by the feature's name.
    features: tuple[Annotated[str, Field(pattern=r"^[^:\s]+:[^:\s]+$")], ...] = Field(min_length=1)
    #: The column of the rows that holds each one's time.
    timestamp: str = "event_timestamp"
    #: Name the columns VIEW__FEATURE.
    full_names: bool = False

    @model_validator(mode="after")
    def _names_each_column_once(self) -> "FeastSpec":
        for name in self.columns:
            if self.columns.count(name) > 1:
                more = "" if self.full_names else ", or set full_names = true"
                raise ValueError(f"two features would be the column {name}: take one out{more}")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The name of each feature's column."""
        if self.full_names:
            return tuple(feature.replace(":", "__") for feature in self.features)
        return tuple(feature.partition(":")[2] for feature in self.features)


class DataSpec(Table):
    """One source of rows: a path, a query, or a set that scikit-learn ships."""

    #: A file, a folder, a pattern or a URL that fsspec reads: .csv, .parquet, .arrow, .feather.
    path: str | None = None
    #: A query, to be asked of `database`.
    sql: str | None = None
    #: duckdb:///FILE, or any URL of SQLAlchemy. None: DuckDB in memory, which reads files itself.
    database: str | None = None
    #: breast_cancer, diabetes, digits, iris or wine.
    sklearn: str | None = None
    #: More columns for the rows of the source.
    feast: FeastSpec | None = None
    #: Rules for columns, as `penstock data schema` writes them; None: types alone are looked at.
    schema_file: str | None = Field(default=None, alias="schema")
    #: The share of rows that may be put aside before the run stops.
    quarantine_max: float = Field(default=0.05, ge=0, le=1)
    checks: ChecksSpec = ChecksSpec()

    @model_validator(mode="after")
    def _has_one_source(self) -> "DataSpec":
        given = [name for name in ("path", "sql", "sklearn") if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"wanted one of path, sql and sklearn, found {found}")
        if self.database is not None and self.sql is None:
            raise ValueError("database is there and no sql to ask it")
        return self


class SplitSpec(Table):
    """Which rows train, which choose among candidates, and which judge the chosen one."""

    #: random; stratified (by the target); group (all rows of a value of `column` stand together);
    #: time (the last rows by `column` test).
    method: Literal["random", "stratified", "group", "time"] | None = None
    column: str | None = None
    validation: float = Field(default=0.2, gt=0, lt=1)
    test: float = Field(default=0.2, gt=0, lt=1)

    @model_validator(mode="after")
    def _leaves_rows(self) -> "SplitSpec":
        if self.validation + self.test >= 1:
            raise ValueError("validation and test leave no rows to train with")
        needs_column = self.method in ("group", "time")
        if needs_column and self.column is None:
            raise ValueError(f"a split by {self.method} needs a column")
        if not needs_column and self.column is not None:
            raise ValueError("column is of splits by group or time")
        return self
