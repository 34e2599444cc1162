# SPDX-License-Identifier: Apache-2.0
"""The kinds of steps that `[[features.step]]` may name: those that a graph of ONNX can hold.

A table of words alone, so that a spec is checked before any library of models is imported;
penstock_training.features.kinds says what makes each of them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

__all__ = ["KINDS", "UNSERVED", "Kind", "option_error", "step_error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a kind of step takes, what it makes, and which options it has."""

    #: "numbers", "text" or "categories" (text and whole numbers), or "any".
    takes: str = "numbers"
    #: Whether numbers come out. False: what went in.
    makes_numbers: bool = True
    options: Collection[str] = field(default=())
    #: Option -> the values that have a form in ONNX.
    allowed: Mapping[str, Collection[object]] = field(default_factory=dict)


#: Kind -> what it is. Options are called as scikit-learn calls them.
KINDS: dict[str, Kind] = {
    "keep": Kind(takes="any", makes_numbers=False),
    "impute": Kind(
        takes="any",
        makes_numbers=False,
        options=("strategy", "fill_value"),
        allowed={"strategy": ("mean", "median", "most_frequent", "constant")},
    ),
    "standard": Kind(options=("with_mean", "with_std")),
    "minmax": Kind(options=("feature_range",)),
    "maxabs": Kind(),
    "robust": Kind(options=("with_centering", "with_scaling", "quantile_range")),
    "power": Kind(options=("standardize",)),
    "log1p": Kind(),
    "clip": Kind(options=("low", "high", "low_quantile", "high_quantile")),
    "bins": Kind(
        options=("n_bins", "encode", "strategy"),
        allowed={
            "encode": ("ordinal", "onehot-dense"),
            "strategy": ("uniform", "quantile", "kmeans"),
        },
    ),
    "binarize": Kind(options=("threshold",)),
    "polynomial": Kind(options=("degree", "interaction_only", "include_bias")),
    "normalize": Kind(options=("norm",), allowed={"norm": ("l1", "l2")}),
    "pca": Kind(options=("n_components", "whiten")),
    "onehot": Kind(takes="categories", options=("drop",), allowed={"drop": ("first",)}),
    "ordinal": Kind(takes="categories"),
}

#: Known steps without a converter -> what serves in their place.
UNSERVED: dict[str, str] = {
    "feature_engine": "a kind of this table, or choose columns with it before [data] is read",
    "function": "log1p or clip",
    "hashing": "onehot or ordinal",
    "isomap": "pca",
    "iterative_impute": "impute",
    "kernel": "polynomial",
    "knn_impute": "impute",
    "quantile": "power or bins",
    "spline": "bins or polynomial",
    "target": "onehot or ordinal",
}


def step_error(kind: str, options: Collection[str]) -> str | None:
    """What is wrong with a step of that kind and those options, as a part of a sentence."""
    known = KINDS.get(kind)
    if known is None:
        first = kind.split(".", 1)[0].removesuffix("s")
        mend = UNSERVED.get(kind) or UNSERVED.get(first) or f"one of {', '.join(KINDS)}"
        return f"{kind} has no ONNX converter, so it could not be served: use {mend}"
    strange = sorted(set(options) - set(known.options))
    if strange:
        wanted = ", ".join(known.options) or "none"
        return f"{kind} has no option {', '.join(strange)} that can be served: wanted {wanted}"
    return None


def option_error(kind: str, options: Mapping[str, object]) -> str | None:
    """What is wrong with the values of a known step's options."""
    for name, values in KINDS[kind].allowed.items():
        if name in options and options[name] not in values:
            wanted = ", ".join(str(value) for value in values)
            return f"{kind} with {name} = {options[name]!r} has no ONNX converter: wanted {wanted}"
    return None
