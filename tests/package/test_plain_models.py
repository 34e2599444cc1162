# SPDX-License-Identifier: Apache-2.0
"""Models that MLflow has saved, made servable, and served from a registry."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.doubles.processes import wait_until
from tests.package.conftest import Opened
from tests.package.test_follow_registry import Following, is_refused, tags_of

from penstock.errors import PenstockError, RegistryError
from penstock.package import read_signature, verify_package
from penstock.package.answers import compiled_answers
from penstock.registry.flavours import Flavour, flavour_of
from penstock.registry.plain import make_servable
from penstock.registry.pyfunc_signature import served_signature
from penstock.registry.registry import Registry
from penstock.registry.tags import REFUSED_TAG
from penstock_client import Client

OWN_MODEL = """
import mlflow

class Sum(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input.sum(axis=1)

mlflow.models.set_model(Sum())
"""


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    from sklearn.datasets import load_iris

    return load_iris(as_frame=True).data.astype("float32")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, rows: pd.DataFrame) -> Mapping[str, Any]:
    """Model -> its folder as MLflow saves it, and what it answers to `rows`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MLflow, to itself and its libraries
        return _saved(tmp_path_factory.mktemp("saved"), rows)


def _saved(root: Path, rows: pd.DataFrame) -> Mapping[str, Any]:
    import lightgbm
    import mlflow.lightgbm
    import mlflow.onnx
    import mlflow.pyfunc
    import mlflow.sklearn
    import mlflow.xgboost
    import xgboost
    from mlflow.models import infer_signature
    from skl2onnx import to_onnx
    from sklearn.datasets import load_iris
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    target = load_iris().target
    linear = LogisticRegression(max_iter=500).fit(rows, target)
    forest = RandomForestClassifier(10, random_state=0).fit(rows, target)
    trees = lightgbm.train(
        {"objective": "multiclass", "num_class": 3, "verbose": -1},
        lightgbm.Dataset(rows, target),
        10,
    )
    boosted = xgboost.XGBClassifier(n_estimators=5).fit(rows, target)
    graph = to_onnx(linear, rows[:1].to_numpy(), options={"zipmap": False})
    signature = infer_signature(rows, linear.predict(rows))
    sklearn = partial(mlflow.sklearn.save_model, signature=signature, pip_requirements=[])
    sklearn(linear, root / "linear")
    sklearn(forest, root / "forest", serialization_format="cloudpickle")
    mlflow.lightgbm.save_model(trees, root / "lightgbm", pip_requirements=[])
    mlflow.xgboost.save_model(boosted, root / "xgboost", pip_requirements=[])
    mlflow.onnx.save_model(graph, root / "onnx", pip_requirements=[])
    (root / "own.py").write_text(OWN_MODEL)
    mlflow.pyfunc.save_model(
        root / "own",
        python_model=str(root / "own.py"),
        signature=infer_signature(rows, pd.DataFrame({"sum": rows.sum(axis=1)})),
        pip_requirements=[],
    )
    return {
        "linear": (root / "linear", linear.predict_proba(rows)),
        "forest": (root / "forest", forest.predict_proba(rows)),
        "lightgbm": (root / "lightgbm", trees.predict(rows)),
        "xgboost": (root / "xgboost", boosted.predict_proba(rows)),
        "onnx": (root / "onnx", linear.predict_proba(rows)),
        "own": (root / "own", rows.sum(axis=1)),
    }


@pytest.fixture
def copy(tmp_path: Path, saved: Mapping[str, Any]) -> Callable[[str], Path]:
    return lambda name: Path(shutil.copytree(saved[name][0], tmp_path / name))


@pytest.mark.parametrize("name", ["linear", "forest", "lightgbm", "xgboost"])
def test_a_saved_model_is_compiled_and_answers_as_its_library_does(
    name: str, copy: Callable[[str], Path], saved: Mapping[str, Any], rows: pd.DataFrame
) -> None:
    folder = copy(name)
    make_servable(folder, name, allows_code=name == "forest")
    assert verify_package(folder).name == name
    signature = read_signature(folder / "signature.json")
    kind = np.float32 if signature.inputs[0].datatype == "FP32" else np.float64
    found = compiled_answers(
        folder / "model.pnst", {signature.inputs[0].name: rows.to_numpy().astype(kind)}
    )
    answers = found.get("probabilities", next(iter(found.values())))
    assert np.allclose(answers, saved[name][1], rtol=1e-5, atol=1e-6)
    assert (folder / "mlflow" / "MLmodel").is_file()


def test_a_pickle_and_a_model_of_own_code_are_refused_unless_code_is_allowed(
    copy: Callable[[str], Path],
) -> None:
    for name, said in (("forest", "sklearn"), ("own", "python_function")):
        with pytest.raises(RegistryError, match=said) as refused:
            make_servable(copy(name), name, allows_code=False)
        assert "--registry-allow-code" in str(refused.value)
        assert "\n" not in str(refused.value)


def test_objects_that_skops_does_not_trust_are_refused(
    tmp_path: Path, saved: Mapping[str, Any], rows: pd.DataFrame
) -> None:
    import mlflow.sklearn
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier().fit(rows, np.arange(len(rows)) % 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.sklearn.save_model(
            tree,
            tmp_path / "tree",
            skops_trusted_types=["sklearn.tree._tree.Tree"],
            pip_requirements=[],
        )
    with pytest.raises(RegistryError, match=r"sklearn\.tree\._tree\.Tree, which is not safe"):
        make_servable(tmp_path / "tree", "tree", allows_code=False)


def test_models_of_mlflow_are_served_from_the_registry(
    registry: Opened, saved: Mapping[str, Any], rows: pd.DataFrame, tmp_path: Path
) -> None:
    opened = registry()
    served = {name: saved[name] for name in ("onnx", "own", "xgboost")}
    for name, (folder, _) in served.items():
        register_plain(opened, name, folder)
    with Following(tmp_path / "registry", "--registry-allow-code=true") as server:
        numbers = rows.to_numpy()
        with Client(server.grpc, retry=None) as client:
            for name, (_, wanted) in served.items():
                about = client.model_metadata(name, timeout=20)
                only = about.inputs[0]
                kind = np.float32 if only.datatype == "FP32" else np.float64
                answer = client.infer(name, {only.name: numbers.astype(kind)}, timeout=60)
                names = [one.name for one in about.outputs]
                output = "probabilities" if "probabilities" in names else names[-1]
                assert np.allclose(answer[output], wanted, rtol=1e-5, atol=1e-6), name


def test_a_pickle_in_the_registry_is_refused_in_one_sentence_and_the_version_before_stays(
    registry: Opened, saved: Mapping[str, Any], tmp_path: Path
) -> None:
    opened = registry()
    register_plain(opened, "flowers", saved["linear"][0])
    with Following(tmp_path / "registry") as server:
        register_plain(opened, "flowers", saved["forest"][0])
        wait_until(partial(is_refused, opened, 2, "flowers"), "the pickle is refused")
        reason = tags_of(opened, "flowers", 2)[REFUSED_TAG]
        assert "can run code" in reason
        assert server.versions("flowers") == ("1",)


def register_plain(registry: Registry, name: str, folder: Path) -> None:
    """As `mlflow.register_model` does, of files that are where they are."""
    names = {one.name for one in registry.client.search_registered_models()}
    if name not in names:
        registry.client.create_registered_model(name)
    made = registry.client.create_model_version(name, folder.as_uri())
    registry.client.set_registered_model_alias(name, "champion", made.version)


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (
            {"onnx": {"data": "model.onnx"}, "python_function": {}},
            Flavour(name="onnx", way="graph", file="model.onnx"),
        ),
        (
            {"lightgbm": {"data": "m.lgb", "model_class": "lightgbm.basic.Booster"}},
            Flavour(name="lightgbm", way="file", file="m.lgb"),
        ),
        (
            {"xgboost": {"data": "m.ubj", "model_class": "xgboost.sklearn.XGBRegressor"}},
            Flavour(name="xgboost", way="object", file="m.ubj", class_name="XGBRegressor"),
        ),
        (
            {"xgboost": {"data": "m.ubj", "model_class": "os.system"}},
            Flavour(name="xgboost", way="file", file="m.ubj"),
        ),
        (
            {"sklearn": {"pickled_model": "model.pkl"}},
            Flavour(name="sklearn", way="object", file="model.pkl", runs_code=True),
        ),
        (
            {"pytorch": {}, "python_function": {}},
            Flavour(name="python_function", way="code", runs_code=True),
        ),
    ],
)
def test_the_flavour_with_the_fewest_means_is_taken(
    told: Mapping[str, Any], wanted: Flavour
) -> None:
    assert flavour_of(told) == wanted


@pytest.mark.parametrize("file", ["../x", "/etc/passwd", "", "a/../../b", "a\0b"])
def test_a_flavours_file_leads_nowhere_else(file: str) -> None:
    with pytest.raises(RegistryError, match="path below"):
        flavour_of({"onnx": {"data": file}})


@pytest.mark.parametrize(
    "text", ["", "- 1", "flavors: {}", "flavors: {spark: {}}", "flavors: [", "flavors: {onnx: {}}"]
)
def test_a_damaged_mlmodel_is_one_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text(text)
    with pytest.raises(PenstockError) as refused:
        make_servable(tmp_path, "churn", allows_code=True)
    assert refused.value.args[0]


def test_columns_become_tensors_as_they_do_in_a_package() -> None:
    inputs = [
        {"type": "long", "name": "age", "required": True},
        {"type": "string", "name": "town", "required": True},
        {"type": "double", "name": "income", "required": True},
    ]
    outputs = [{"type": "string", "name": "answer"}]
    found = served_signature({"inputs": json.dumps(inputs), "outputs": json.dumps(outputs)})
    assert [(one.name, one.datatype, one.shape, one.columns) for one in found.inputs] == [
        ("features", "FP64", (-1, 2), ("age", "income")),
        ("town", "BYTES", (-1, 1), ()),
    ]
    assert [(one.name, one.datatype, one.shape) for one in found.outputs] == [
        ("answer", "BYTES", (-1,))
    ]


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ('[{"type": "datetime", "name": "day"}]', "datetime"),
        ('{"type": "long"}', "list of columns"),
        ("not json", "list of columns"),
        ('[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [3]}}]', "first"),
    ],
)
def test_a_signature_that_no_tensors_stand_for_is_refused(inputs: str, said: str) -> None:
    with pytest.raises(RegistryError, match=said):
        served_signature({"inputs": inputs, "outputs": '[{"type": "long"}]'})
