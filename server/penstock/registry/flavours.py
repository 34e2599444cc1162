# SPDX-License-Identifier: Apache-2.0
"""How a model that MLflow has saved, and Penstock has not, can be served. Pure.

A folder of MLflow says in `MLmodel` by which libraries it can be read, its flavours. Of these the
first counts that is served with the fewest means: as it is, compiled, or by code of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

from penstock.errors import RegistryError

__all__ = ["LIGHTGBM_TYPES", "Flavour", "flavour_of"]

#: graph: an ONNX graph, served as it is. file: compiled from the library's own format. object:
#: compiled from an object that reading the file makes. code: MLflow itself answers.
Way = Literal["graph", "file", "object", "code"]

#: What a file of skops may hold besides what skops trusts by itself: as MLflow writes LightGBM's.
LIGHTGBM_TYPES = (
    "collections.OrderedDict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
)
#: XGBoost's estimators that read their own format, which runs no code.
_XGBOOST_CLASSES = ("XGBClassifier", "XGBRegressor", "XGBRFClassifier", "XGBRFRegressor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavour:
    """`name` is MLflow's; `file` the model's, relative to the folder.

    `class_name` is that of the object to be made. `runs_code`: reading the file, or answering, can
    run whatever code its maker wanted.
    """

    name: str
    way: Way
    file: str = ""
    class_name: str = ""
    runs_code: bool = False


def flavour_of(told: Mapping[str, Any]) -> Flavour:
    """The flavour to serve a model by, of which `told` are MLmodel's `flavors`.

    Raises:
        RegistryError: there is none.
    """
    for name, find in _KNOWN.items():
        if name in told:
            return find(told[name])
    if "python_function" in told:
        return Flavour(name="python_function", way="code", runs_code=True)
    found = ", ".join(sorted(map(str, told))) or "none"
    raise RegistryError(
        f"The model has the flavours {found}: wanted onnx, lightgbm, xgboost, sklearn or "
        "python_function."
    )


def _onnx(told: Mapping[str, Any]) -> Flavour:
    return Flavour(name="onnx", way="graph", file=_file(told, "onnx"))


def _lightgbm(told: Mapping[str, Any]) -> Flavour:
    file = _file(told, "lightgbm")
    if str(told.get("model_class", "")).endswith(".Booster"):
        return Flavour(name="lightgbm", way="file", file=file)
    return Flavour(name="lightgbm", way="object", file=file, runs_code=not _is_skops(told))


def _xgboost(told: Mapping[str, Any]) -> Flavour:
    file = _file(told, "xgboost")
    package, _, class_name = str(told.get("model_class", "")).rpartition(".")
    if package.startswith("xgboost") and class_name in _XGBOOST_CLASSES:
        return Flavour(name="xgboost", way="object", file=file, class_name=class_name)
    return Flavour(name="xgboost", way="file", file=file)


def _sklearn(told: Mapping[str, Any]) -> Flavour:
    file = _file(told, "sklearn", key="pickled_model")
    return Flavour(name="sklearn", way="object", file=file, runs_code=not _is_skops(told))


_KNOWN = {"onnx": _onnx, "lightgbm": _lightgbm, "xgboost": _xgboost, "sklearn": _sklearn}


def _is_skops(told: Mapping[str, Any]) -> bool:
    return told.get("serialization_format") == "skops"


def _file(told: Mapping[str, Any], flavour: str, *, key: str = "data") -> str:
    file = str(told.get(key, ""))
    path = PurePosixPath(file)
    if not file or path.is_absolute() or ".." in path.parts or "\0" in file:
        raise RegistryError(
            f"The flavour {flavour} names the file {file!r}: wanted a path below the folder."
        )
    return file
