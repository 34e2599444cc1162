# SPDX-License-Identifier: Apache-2.0
"""ONNX forms of what skl2onnx does not know: our own classes, LightGBM's and XGBoost's models.

skl2onnx keeps its converters in tables of the process, so this is the one place that writes there.
"""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto
from skl2onnx import update_registered_converter
from skl2onnx._supported_operators import sklearn_operator_name_map
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from skl2onnx.helpers.integration import add_onnx_graph

from penstock_training.candidates.model import Classifier
from penstock_training.candidates.net import NetClassifier, NetRegressor
from penstock_training.export.calibration import add_calibration
from penstock_training.features.transformers import Bins, Clip, Log1p, Scale

__all__ = ["OPSETS", "register_boosters", "register_converters"]

#: What ONNX Runtime, skl2onnx and the native compiler all know.
OPSETS = {"": 21, "ai.onnx.ml": 3}


def register_converters() -> None:
    """Tell skl2onnx of them. May be called again."""
    update_registered_converter(Log1p, "PenstockLog1p", _same_shape, _log1p)
    update_registered_converter(Clip, "PenstockClip", _same_shape, _clip)
    update_registered_converter(Scale, "PenstockScale", _same_shape, _scale)
    update_registered_converter(Bins, "PenstockBins", _bins_shape, _bins)
    update_registered_converter(NetClassifier, "PenstockNetClassifier", _no_shape, _net)
    update_registered_converter(NetRegressor, "PenstockNetRegressor", _column_shape, _net)
    update_registered_converter(
        Classifier, "PenstockClassifier", _no_shape, _classifier, parser=_classifier_outputs
    )


def register_boosters(model: Any) -> None:
    """Tell skl2onnx of the converters of `model`'s library, if it is one of these."""
    library = type(model).__module__.partition(".")[0]
    if library == "lightgbm":
        from penstock_training.export import lightgbm

        lightgbm.register()
    elif library == "xgboost":
        from penstock_training.export import xgboost

        xgboost.register()


def _rows_of(operator: Any) -> Any:
    return operator.inputs[0].get_first_dimension()


def _same_shape(operator: Any) -> None:
    shape = [_rows_of(operator), operator.inputs[0].type.shape[1]]
    operator.outputs[0].type = FloatTensorType(shape)


def _log1p(scope: Any, operator: Any, container: Any) -> None:
    one, sum_ = (scope.get_unique_variable_name(name) for name in ("one", "sum"))
    container.add_initializer(one, TensorProto.FLOAT, [], [1.0])
    container.add_node("Add", [operator.inputs[0].full_name, one], [sum_], op_version=14)
    container.add_node("Log", [sum_], [operator.outputs[0].full_name], op_version=13)


def _clip(scope: Any, operator: Any, container: Any) -> None:
    """Max, then Min: Clip takes bounds of all columns alone."""
    bounds = []
    for name in ("low_", "high_"):
        bound = scope.get_unique_variable_name(name)
        values = getattr(operator.raw_operator, name)
        container.add_initializer(bound, TensorProto.FLOAT, [len(values)], values.tolist())
        bounds.append(bound)
    raised = scope.get_unique_variable_name("raised")
    container.add_node("Max", [operator.inputs[0].full_name, bounds[0]], [raised], op_version=13)
    container.add_node("Min", [raised, bounds[1]], [operator.outputs[0].full_name], op_version=13)


def _scale(scope: Any, operator: Any, container: Any) -> None:
    """Scaler subtracts, then multiplies, in float32: as the transformer does."""
    container.add_node(
        "Scaler",
        [operator.inputs[0].full_name],
        [operator.outputs[0].full_name],
        op_domain="ai.onnx.ml",
        op_version=1,
        name=scope.get_unique_operator_name("Scaler"),
        offset=operator.raw_operator.offset_,
        scale=operator.raw_operator.scale_,
    )


def _bins_shape(operator: Any) -> None:
    width = operator.raw_operator.weights()[2].shape[1]
    operator.outputs[0].type = FloatTensorType([_rows_of(operator), width])


def _bins(scope: Any, operator: Any, container: Any) -> None:
    columns, edges, matrix, offsets = operator.raw_operator.weights()
    names = {
        name: scope.get_unique_variable_name(name)
        for name in ("columns", "edges", "matrix", "offsets", "x", "is_above", "above", "product")
    }
    count, width = matrix.shape
    container.add_initializer(names["columns"], TensorProto.INT64, [count], columns.tolist())
    container.add_initializer(names["edges"], TensorProto.FLOAT, [count], edges.tolist())
    container.add_initializer(
        names["matrix"], TensorProto.FLOAT, [count, width], matrix.ravel().tolist()
    )
    container.add_initializer(names["offsets"], TensorProto.FLOAT, [width], offsets.tolist())
    source = operator.inputs[0].full_name
    container.add_node("Gather", [source, names["columns"]], [names["x"]], axis=1, op_version=13)
    container.add_node(
        "GreaterOrEqual", [names["x"], names["edges"]], [names["is_above"]], op_version=16
    )
    container.add_node(
        "Cast", [names["is_above"]], [names["above"]], to=TensorProto.FLOAT, op_version=13
    )
    container.add_node(
        "MatMul", [names["above"], names["matrix"]], [names["product"]], op_version=13
    )
    container.add_node(
        "Add", [names["product"], names["offsets"]], [operator.outputs[0].full_name], op_version=14
    )


def _no_shape(operator: Any) -> None:
    """Who declares the operator says it."""


def _column_shape(operator: Any) -> None:
    operator.outputs[0].type = FloatTensorType([_rows_of(operator), 1])


def _net(scope: Any, operator: Any, container: Any) -> None:
    """The graph that torch has written, as a part of ours."""
    add_onnx_graph(
        scope, operator, container, onnx.load_model_from_string(operator.raw_operator.graph)
    )


def _classifier_outputs(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    operator = scope.declare_local_operator("PenstockClassifier", model)
    operator.inputs.extend(inputs)
    is_text = isinstance(model.classes[0], str)
    label = StringTensorType([None, 1]) if is_text else Int64TensorType([None, 1])
    operator.outputs.append(scope.declare_local_variable("label", label))
    probabilities = FloatTensorType([None, len(model.classes)])
    operator.outputs.append(scope.declare_local_variable("probabilities", probabilities))
    return operator.outputs


def _classifier(scope: Any, operator: Any, container: Any) -> None:
    """The inner classifier's probabilities, calibrated, and the name of the likeliest class."""
    model = operator.raw_operator
    inner = scope.declare_local_operator(sklearn_operator_name_map[type(model.inner)], model.inner)
    inner.inputs.extend(operator.inputs)
    if not isinstance(model.inner, NetClassifier):
        inner.outputs.append(scope.declare_local_variable("inner_label", Int64TensorType()))
    found = scope.declare_local_variable("inner_probabilities", FloatTensorType())
    inner.outputs.append(found)
    label, probabilities = (one.full_name for one in operator.outputs)
    if model.calibration is None:
        container.add_node("Identity", [found.full_name], [probabilities], op_version=13)
    else:
        classes = len(model.classes)
        add_calibration(
            scope, container, model.calibration, classes, found.full_name, probabilities
        )
    _add_label(scope, container, model.classes, probabilities, label)


def _add_label(scope: Any, container: Any, classes: Any, probabilities: str, label: str) -> None:
    is_named = list(classes) != list(range(len(classes)))
    place = scope.get_unique_variable_name("place") if is_named else label
    container.add_node("ArgMax", [probabilities], [place], axis=1, keepdims=1, op_version=13)
    if not is_named:
        return
    names, chosen, shape = (
        scope.get_unique_variable_name(name) for name in ("names", "chosen", "column")
    )
    if isinstance(classes[0], str):
        texts = [one.encode() for one in classes]
        container.add_initializer(names, TensorProto.STRING, [len(classes)], texts)
    else:
        numbers = np.array(classes, np.int64).tolist()
        container.add_initializer(names, TensorProto.INT64, [len(classes)], numbers)
    flat = scope.get_unique_variable_name("flat")
    container.add_initializer(flat, TensorProto.INT64, [1], [-1])
    row = scope.get_unique_variable_name("row")
    container.add_node("Reshape", [place, flat], [row], op_version=19)
    container.add_node(
        "ArrayFeatureExtractor", [names, row], [chosen], op_domain="ai.onnx.ml", op_version=1
    )
    container.add_initializer(shape, TensorProto.INT64, [2], [-1, 1])
    container.add_node("Reshape", [chosen, shape], [label], op_version=19)
