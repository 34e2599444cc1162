# SPDX-License-Identifier: Apache-2.0
"""Models of backend native are compiled as they are loaded; what does not compile is served too."""

import json
import urllib.request
from collections.abc import Iterator
from math import erf
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.datasets import load_diabetes
from tests.doubles.running import RunningServer
from tests.native.onnx_oracle import FLOAT, model_of, node

from penstock.native.compiler import compile_bytes
from penstock.native.model_folder import write_model_folder
from penstock_client import Client

NATIVE = 'backend: "native"\n'
X = load_diabetes().data.astype(np.float32)
Y = load_diabetes().target
W = np.linspace(-1, 1, 40, dtype=np.float32).reshape(10, 4)


def add(repository: Path, name: str, file: str, content: bytes, config: str = NATIVE) -> None:
    folder = repository / name / "1"
    folder.mkdir(parents=True)
    (repository / name / "config.pbtxt").write_text(config)
    (folder / file).write_bytes(content)


def net(*operators: str) -> bytes:
    """Operators one after the other; MatMul has the weights."""
    names = ["x", *(f"t{i}" for i in range(1, len(operators))), "y"]
    nodes = [
        node(op, f"{names[i]} w" if op == "MatMul" else names[i], names[i + 1], name=f"{op}{i}")
        for i, op in enumerate(operators)
    ]
    model = model_of(nodes, {"x": (FLOAT, [None, 10])}, {"y": FLOAT}, {"w": W})
    return model.SerializeToString()


def trees() -> lightgbm.Booster:
    return lightgbm.train({"verbose": -1, "num_threads": 1}, lightgbm.Dataset(X, Y), 5)


def boosted() -> xgboost.Booster:
    return xgboost.train({"nthread": 1}, xgboost.DMatrix(X, Y, nthread=1), 5)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    models = tmp_path_factory.mktemp("models")
    add(models, "trees", "model.txt", trees().model_to_string().encode())
    add(models, "json", "model.json", bytes(boosted().save_raw("json")))
    add(models, "ubj", "model.ubj", bytes(boosted().save_raw("ubj")))
    add(models, "net", "model.onnx", net("MatMul", "Relu"))
    add(models, "split", "model.onnx", net("MatMul", "Erf"))
    add(models, "foreign", "model.onnx", net("Erf"))
    add(
        models,
        "cyclic",
        "model.onnx",
        net("MatMul", "Relu").replace(b"\n\x01x\n\x01w", b"\n\x01y\n\x01w"),
    )
    add(models, "linear", "model.txt", b"tree\nversion=v4\n")
    write_model_folder(compile_bytes(net("MatMul", "Erf")), models / "ahead")
    with RunningServer(models) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.grpc) as made:
        yield made


def properties(client: Client, model: str) -> str:
    return client.model_metadata(model, timeout=10).properties.get("compilation", "")


def config_of(server: RunningServer, model: str) -> dict[str, Any]:
    url = f"http://{server.rest}/v2/models/{model}/config"
    with urllib.request.urlopen(url, timeout=10) as answer:
        found = json.load(answer)
    assert isinstance(found, dict)
    return found


def test_lightgbms_text_is_compiled_as_it_is_loaded(client: Client) -> None:
    answer = client.infer("trees", {"input": X.astype(np.float64)[:64]}, timeout=10)
    assert np.array_equal(answer["prediction"].ravel(), trees().predict(X[:64], num_threads=1))
    assert properties(client, "trees") == "compiled from model.txt as it was loaded"
    assert client.model_metadata("trees", timeout=10).platform == "native"


@pytest.mark.parametrize("form", ["json", "ubj"])
def test_xgboosts_files_are_compiled_as_they_are_loaded(client: Client, form: str) -> None:
    (name,) = [tensor.name for tensor in client.model_metadata(form, timeout=10).inputs]
    (found,) = client.infer(form, {name: X[:64]}, timeout=10).values()
    right = boosted().predict(xgboost.DMatrix(X[:64], nthread=1))
    assert np.array_equal(found.ravel(), right)


def test_an_onnx_graph_is_compiled_as_it_is_loaded(client: Client, server: RunningServer) -> None:
    answer = client.infer("net", {"x": X[:9]}, timeout=10)
    np.testing.assert_allclose(answer["y"], np.maximum(X[:9] @ W, 0), rtol=1e-5, atol=1e-6)
    config = config_of(server, "net")
    assert (config["backend"], config["default_model_filename"]) == ("native", "model.onnx")


@pytest.mark.parametrize("model", ["split", "ahead"])
def test_a_graph_that_compiles_in_part_is_served_in_both(client: Client, model: str) -> None:
    answer = client.infer(model, {"x": X[:9]}, timeout=10)
    right = np.vectorize(erf)(X[:9] @ W)
    np.testing.assert_allclose(answer["y"], right, rtol=1e-5, atol=1e-6)
    assert client.model_metadata(model, timeout=10).platform == "native"
    assert "ONNX Runtime runs" in properties(client, model)
    assert "Erf1" in properties(client, model)


def test_a_graph_that_does_not_compile_is_served_by_onnxruntime_and_says_so(
    client: Client, server: RunningServer
) -> None:
    answer = client.infer("foreign", {"x": X[:9]}, timeout=10)
    np.testing.assert_allclose(answer["y"], np.vectorize(erf)(X[:9]), rtol=1e-4, atol=1e-6)
    assert client.model_metadata("foreign", timeout=10).platform == "onnxruntime_onnx"
    config = config_of(server, "foreign")
    assert (config["backend"], config["platform"]) == ("onnxruntime", "onnxruntime_onnx")
    why = "node 'Erf0' (ai.onnx.Erf): this operator has no native form."
    assert properties(client, "foreign") == f"not compiled, ONNX Runtime runs it: {why}"
    lines = [line for line in server.log().splitlines() if "model_left_to_onnxruntime" in line]
    assert sum("foreign" in line and "Erf0" in line for line in lines) == 1


def test_a_file_that_is_no_model_fails_its_load_in_a_sentence(server: RunningServer) -> None:
    failed = [line for line in server.log().splitlines() if "model_failed_to_load" in line]
    assert len(failed) == 2
    assert any("cyclic" in line and "model.onnx: node 0" in line for line in failed)
    assert any("linear" in line and "model.txt: " in line for line in failed)
