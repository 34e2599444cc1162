# SPDX-License-Identifier: Apache-2.0
"""What each family of models can be tuned by, and where its best values are looked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Choices", "Fixed", "Parameter", "Range", "parameter_of", "space_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """All numbers from low to high, both included; whole ones if both are ints."""

    low: float
    high: float
    #: What is tried first.
    first: float
    is_log: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are in it."""
        return isinstance(self.low, int) and isinstance(self.high, int)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """One of these. The first is tried first."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """Not looked for."""

    value: Any


Parameter = Range | Choices | Fixed

_RATE = Range(low=0.01, high=0.3, first=0.1, is_log=True)
_SHARE = Range(low=0.5, high=1.0, first=1.0)
_LAMBDA = Range(low=1e-3, high=10.0, first=1.0, is_log=True)

#: Family -> parameter -> where it is looked for. Names are those of the family's library, but for
#: mlp's width and layers, which make hidden_layer_sizes.
_SPACES: dict[str, dict[str, Parameter]] = {
    "forest": {
        "n_estimators": Range(low=50, high=300, first=100),
        "max_depth": Range(low=3, high=20, first=12),
        "min_samples_leaf": Range(low=1, high=20, first=1, is_log=True),
        "max_features": Range(low=0.2, high=1.0, first=0.5),
    },
    "lightgbm": {
        "n_estimators": Fixed(value=500),
        "learning_rate": _RATE,
        "num_leaves": Range(low=7, high=127, first=31, is_log=True),
        "min_child_samples": Range(low=5, high=100, first=20, is_log=True),
        "subsample": _SHARE,
        "colsample_bytree": _SHARE,
        "reg_lambda": _LAMBDA,
    },
    "xgboost": {
        "n_estimators": Fixed(value=500),
        "learning_rate": _RATE,
        "max_depth": Range(low=2, high=10, first=5),
        "min_child_weight": Range(low=0.5, high=20.0, first=1.0, is_log=True),
        "subsample": _SHARE,
        "colsample_bytree": _SHARE,
        "reg_lambda": _LAMBDA,
    },
    "mlp": {
        "width": Range(low=16, high=128, first=64, is_log=True),
        "layers": Range(low=1, high=2, first=1),
        "alpha": Range(low=1e-6, high=1e-1, first=1e-4, is_log=True),
        "learning_rate_init": Range(low=3e-4, high=3e-2, first=3e-3, is_log=True),
        "batch_size": Fixed(value=64),
        "max_iter": Fixed(value=200),
    },
    "torch": {
        "learning_rate": Range(low=3e-4, high=3e-2, first=3e-3, is_log=True),
        "weight_decay": Range(low=1e-6, high=1e-2, first=1e-4, is_log=True),
        "batch_size": Fixed(value=64),
        "epochs": Fixed(value=100),
    },
}
_LINEAR: dict[bool, dict[str, Parameter]] = {
    True: {
        "C": Range(low=1e-3, high=1e3, first=1.0, is_log=True),
        "max_iter": Fixed(value=1000),
    },
    False: {"alpha": Range(low=1e-3, high=1e3, first=1.0, is_log=True)},
}

#: Family -> what [candidates.parameters] may set besides.
_OTHERS: dict[str, tuple[str, ...]] = {
    "linear": ("fit_intercept", "tol"),
    "forest": (
        "bootstrap", "ccp_alpha", "criterion", "max_leaf_nodes", "max_samples",
        "min_impurity_decrease", "min_samples_split",
    ),
    "lightgbm": ("max_depth", "min_child_weight", "min_split_gain", "objective", "reg_alpha"),
    "xgboost": ("gamma", "max_bin", "max_leaves", "objective", "reg_alpha"),
    "mlp": ("activation", "beta_1", "beta_2"),
    "torch": (),
}  # fmt: skip


def space_of(
    family: str, *, is_classifier: bool, given: Mapping[str, Any] | None = None
) -> dict[str, Parameter]:
    """A family's parameters, those that are `given` in place of its own.

    Raises:
        ValueError: a name that the family has not, or what is neither a value, [low, high] nor
            {choices = [...]}.
    """
    own = _LINEAR[is_classifier] if family == "linear" else _SPACES[family]
    space = dict(own)
    for name, value in (given or {}).items():
        if name not in own and name not in _OTHERS[family]:
            known = ", ".join([*own, *_OTHERS[family]])
            raise ValueError(f"{family} has no parameter {name}: wanted one of {known}")
        try:
            space[name] = parameter_of(value, own.get(name))
        except ValueError as error:
            raise ValueError(f"{family} {name}: {error}") from None
    return space


def parameter_of(value: Any, own: Parameter | None = None) -> Parameter:
    """What a value of [candidates.parameters] means. Ranges are searched as the `own` one is.

    Raises:
        ValueError: it means nothing.
    """
    if isinstance(value, Mapping):
        choices = value.get("choices")
        if set(value) != {"choices"} or not isinstance(choices, list | tuple) or not choices:
            raise ValueError(f"wanted a value, [low, high] or {{choices = [...]}}, found {value!r}")
        return Choices(values=tuple(choices))
    if isinstance(value, list | tuple):
        if len(value) != 2 or not all(_is_number(one) for one in value) or value[0] >= value[1]:
            raise ValueError(f"wanted [low, high] with low below high, found {list(value)!r}")
        low, high = value
        is_log = isinstance(own, Range) and own.is_log and low > 0
        first = own.first if isinstance(own, Range) else low
        return Range(low=low, high=high, first=min(max(first, low), high), is_log=is_log)
    return Fixed(value=value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
