# SPDX-License-Identifier: Apache-2.0
"""What makes each kind of step, and the whole transformation: objects of scikit-learn.

The kinds are those of penstock_training.spec.feature_kinds. Their ONNX converters are skl2onnx's
own, and penstock_training.export.converters for the transformers of transformers.py.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    Binarizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)

from penstock_training.errors import SpecError
from penstock_training.features.plan import FeaturePlan, PlannedStep
from penstock_training.features.rows import MISSING_TEXT
from penstock_training.features.transformers import Bins, Clip, Log1p, Scale

__all__ = ["MAKERS", "transformation_of"]

Options = Mapping[str, Any]


def _impute(options: Options, *, is_text: bool) -> Any:
    if not is_text:
        return SimpleImputer(keep_empty_features=True, **options)
    strategy = options.get("strategy", "most_frequent")
    fill = options.get("fill_value", "missing") if strategy == "constant" else None
    return SimpleImputer(missing_values=MISSING_TEXT, strategy=strategy, fill_value=fill)


def _plain(make: Callable[..., Any], **always: Any) -> Callable[..., Any]:
    def made(options: Options, *, is_text: bool) -> Any:
        return make(**always, **_as_sklearn(options))

    return made


def _scaled(make: Callable[..., Any]) -> Callable[..., Any]:
    def made(options: Options, *, is_text: bool) -> Any:
        return Scale(make(**_as_sklearn(options)))

    return made


def _as_sklearn(options: Options) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in options.items()
    }


#: Kind -> what makes its transformer of its options.
MAKERS: dict[str, Callable[..., Any]] = {
    "impute": _impute,
    "standard": _scaled(StandardScaler),
    "minmax": _scaled(MinMaxScaler),
    "maxabs": _scaled(MaxAbsScaler),
    "robust": _scaled(RobustScaler),
    "power": _plain(PowerTransformer, method="yeo-johnson"),
    "log1p": _plain(Log1p),
    "clip": _plain(Clip),
    "bins": _plain(Bins),
    "binarize": _plain(Binarizer),
    "polynomial": _plain(PolynomialFeatures),
    "normalize": _plain(Normalizer),
    "pca": _plain(PCA, svd_solver="full"),
    "onehot": _plain(OneHotEncoder, handle_unknown="ignore", sparse_output=False, dtype=np.float32),
    "ordinal": _plain(
        OrdinalEncoder, handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float32
    ),
}


def transformation_of(plan: FeaturePlan, family: str) -> ColumnTransformer:
    """The transformation before a model of `family`, not fitted.

    It takes the frame of features_of() and makes float32 numbers. Columns are named by their
    places, so that the numeric ones can travel as one tensor.

    Raises:
        SpecError: an option is none that the library takes.
    """
    parts: list[tuple[str, Any, list[int]]] = []
    places = {name: place for place, name in enumerate(plan.columns)}
    for number, (steps, columns) in enumerate(_groups(plan, family)):
        is_text = columns[0] not in plan.numeric
        made = [
            (f"{step.kind}{place}", _made(step, is_text=is_text and place == 0))
            for place, step in enumerate(steps)
        ]
        chain: Any = "passthrough"
        if len(made) == 1:
            chain = made[0][1]
        elif made:
            chain = Pipeline(made)
        parts.append((f"part{number}", chain, [places[name] for name in columns]))
    return ColumnTransformer(parts, sparse_threshold=0, verbose_feature_names_out=True)


def _groups(
    plan: FeaturePlan, family: str
) -> list[tuple[tuple[PlannedStep, ...], tuple[str, ...]]]:
    """Numeric columns with the same steps stand together; each categorical one by itself."""
    found: list[tuple[tuple[PlannedStep, ...], list[str]]] = []
    for name in plan.columns:
        steps = tuple(one for one in plan.steps_of(name, family) if one.kind != "keep")
        same = [group for group in found if group[0] == steps and name in plan.numeric]
        if same and same[0][1][0] in plan.numeric:
            same[0][1].append(name)
        else:
            found.append((steps, [name]))
    return [(steps, tuple(columns)) for steps, columns in found]


def _made(step: PlannedStep, *, is_text: bool) -> Any:
    try:
        return MAKERS[step.kind](step.options, is_text=is_text)
    except (TypeError, ValueError) as error:
        raise SpecError(f"[features] step {step.kind}: {error}.") from None
