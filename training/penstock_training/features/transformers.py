# SPDX-License-Identifier: Apache-2.0
"""Transformers that scikit-learn has not, or has in a form that a graph of float32 cannot keep."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)
from sklearn.utils.validation import check_is_fitted, validate_data

__all__ = ["Bins", "Clip", "Log1p", "Scale"]


class Log1p(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """log(1 + x) of numbers greater than -1."""

    def fit(self, X: Any, y: Any = None) -> "Log1p":
        """Refuses what has no logarithm."""
        found = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan")
        if np.nanmin(found, initial=0.0) <= -1:
            raise ValueError("log1p takes numbers greater than -1: clip them first")
        return self

    def transform(self, X: Any) -> Any:
        """The same shape, float32."""
        check_is_fitted(self, "n_features_in_")
        found = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log(np.float32(1) + found)


class Clip(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """x, but at least `low` and at most `high`; or quantiles of the rows that it is fitted to."""

    def __init__(
        self,
        low: float | None = None,
        high: float | None = None,
        low_quantile: float | None = None,
        high_quantile: float | None = None,
    ) -> None:
        self.low = low
        self.high = high
        self.low_quantile = low_quantile
        self.high_quantile = high_quantile

    def fit(self, X: Any, y: Any = None) -> "Clip":
        """Finds low_ and high_ (columns,)."""
        found = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan")
        self.low_ = self._bound(found, self.low, self.low_quantile, -np.inf)
        self.high_ = self._bound(found, self.high, self.high_quantile, np.inf)
        if (self.low_ > self.high_).any():
            raise ValueError("clip has a low bound above the high one")
        return self

    @staticmethod
    def _bound(rows: Any, value: float | None, quantile: float | None, otherwise: float) -> Any:
        if value is not None and quantile is not None:
            raise ValueError("clip takes a bound or a quantile, not both")
        if quantile is not None:
            return np.nanquantile(rows, quantile, axis=0).astype(np.float32)
        return np.full(rows.shape[1], otherwise if value is None else value, np.float32)

    def transform(self, X: Any) -> Any:
        """The same shape, float32."""
        check_is_fitted(self, "low_")
        found = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False)
        return np.minimum(np.maximum(found, self.low_), self.high_)


class Bins(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The number of the bin that x falls in, or a column of 0 and 1 for each bin.

    Edges are those of KBinsDiscretizer, rounded to float32, so that all rows fall as they are
    served. What is missing falls in the first bin.
    """

    def __init__(
        self, n_bins: int = 5, encode: str = "onehot-dense", strategy: str = "quantile"
    ) -> None:
        self.n_bins = n_bins
        self.encode = encode
        self.strategy = strategy

    def fit(self, X: Any, y: Any = None) -> "Bins":
        """Finds edges_, the inner edges of each column."""
        found = validate_data(self, X, dtype=np.float32)
        finder = KBinsDiscretizer(
            self.n_bins,
            encode="ordinal",
            strategy=self.strategy,
            quantile_method="averaged_inverted_cdf",
            subsample=None,
            random_state=0,
        ).fit(found)
        self.edges_ = [np.unique(edges[1:-1].astype(np.float32)) for edges in finder.bin_edges_]
        return self

    def weights(self) -> tuple[Any, Any, Any, Any]:
        """Columns (m,), edges (m,), matrix (m, outputs) and offsets (outputs,).

        The output is (x[columns] >= edges) @ matrix + offsets.
        """
        columns = np.repeat(np.arange(len(self.edges_)), [len(one) for one in self.edges_])
        is_ordinal = self.encode == "ordinal"
        widths = [1 if is_ordinal else len(edges) + 1 for edges in self.edges_]
        matrix = np.zeros((len(columns), sum(widths)), np.float32)
        offsets = np.zeros(sum(widths), np.float32)
        row = place = 0
        for edges, width in zip(self.edges_, widths, strict=True):
            if not is_ordinal:
                offsets[place] = 1
            for step in range(len(edges)):
                matrix[row, place + (0 if is_ordinal else step + 1)] += 1
                if not is_ordinal:
                    matrix[row, place + step] -= 1
                row += 1
            place += width
        return columns, np.concatenate([*self.edges_, np.empty(0, np.float32)]), matrix, offsets

    def transform(self, X: Any) -> Any:
        """(n, columns), or (n, bins) of one-hot; float32."""
        check_is_fitted(self, "edges_")
        found = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False)
        columns, edges, matrix, offsets = self.weights()
        return (found[:, columns] >= edges).astype(np.float32) @ matrix + offsets

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """COLUMN, or COLUMN_BIN of one-hot."""
        names = [f"x{place}" for place in range(len(self.edges_))]
        names = list(names if input_features is None else input_features)
        if self.encode == "ordinal":
            return np.array(names, dtype=object)
        return np.array(
            [
                f"{name}_{number}"
                for name, edges in zip(names, self.edges_, strict=True)
                for number in range(len(edges) + 1)
            ],
            dtype=object,
        )


class Scale(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """(x - offset_) * scale_, as a fitted scaler of scikit-learn has them, in float32 throughout.

    scikit-learn computes in float64 and rounds once. A graph cannot, and a row that lies on a
    tree's threshold would fall to the other side of it.
    """

    def __init__(self, scaler: Any) -> None:
        self.scaler = scaler

    def fit(self, X: Any, y: Any = None) -> "Scale":
        """Finds offset_ and scale_ (columns,)."""
        found = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan")
        offset, scale = _offset_and_scale(clone(self.scaler).fit(found))
        zeros = np.zeros(found.shape[1], np.float32)
        self.offset_ = (zeros + offset).astype(np.float32)
        self.scale_ = (zeros + scale).astype(np.float32)
        return self

    def transform(self, X: Any) -> Any:
        """The same shape, float32."""
        check_is_fitted(self, "scale_")
        found = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False)
        return (found - self.offset_) * self.scale_


def _offset_and_scale(scaler: Any) -> tuple[Any, Any]:
    """What a fitted scaler subtracts, and what it multiplies by then."""
    match scaler:
        case StandardScaler():
            offset = scaler.mean_ if scaler.with_mean else 0
            return offset, 1 / scaler.scale_ if scaler.with_std else 1
        case RobustScaler():
            offset = scaler.center_ if scaler.with_centering else 0
            return offset, 1 / scaler.scale_ if scaler.with_scaling else 1
        case MaxAbsScaler():
            return 0, 1 / scaler.scale_
        case MinMaxScaler():
            return scaler.data_min_ - scaler.feature_range[0] / scaler.scale_, scaler.scale_
    raise TypeError(f"{type(scaler).__name__} is no scaler of these")
