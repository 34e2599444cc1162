# SPDX-License-Identifier: Apache-2.0
"""Which function lowers which operator."""

from collections.abc import Callable

from penstock.native.onnx.graph import Node
from penstock.native.onnx.lowering import Lowering
from penstock.native.onnx.operators import (
    activations,
    arithmetic,
    dense,
    ensembles,
    features,
    labels,
    linear,
    shapes,
)
from penstock_client._proto import native_artifact_pb2 as pb

__all__ = ["OPERATORS", "lower_node"]

Operator = Callable[[Node, Lowering], None]
Function = pb.Activation

#: (domain, operator) -> what lowers it.
OPERATORS: dict[tuple[str, str], Operator] = {
    ("", "Add"): arithmetic.add,
    ("", "ArgMax"): shapes.arg_max,
    ("", "BatchNormalization"): arithmetic.batch_normalization,
    ("", "Cast"): shapes.cast,
    ("", "Clip"): activations.clip,
    ("", "Concat"): shapes.concat,
    ("", "Div"): arithmetic.div,
    ("", "Dropout"): shapes.identity,
    ("", "Exp"): activations.elementwise(Function.EXP),
    ("", "Flatten"): shapes.flatten,
    ("", "Gather"): shapes.gather,
    ("", "Gemm"): dense.gemm,
    ("", "Greater"): activations.greater(is_inclusive=False),
    ("", "GreaterOrEqual"): activations.greater(is_inclusive=True),
    ("", "Identity"): shapes.identity,
    ("", "LeakyRelu"): activations.leaky_relu,
    ("", "Less"): activations.less(is_inclusive=False),
    ("", "LessOrEqual"): activations.less(is_inclusive=True),
    ("", "MatMul"): dense.matmul,
    ("", "Max"): activations.max_,
    ("", "Min"): activations.min_,
    ("", "Mul"): arithmetic.mul,
    ("", "Neg"): arithmetic.neg,
    ("", "Relu"): activations.elementwise(Function.RELU),
    ("", "Reshape"): shapes.reshape,
    ("", "Shape"): shapes.shape,
    ("", "Sigmoid"): activations.elementwise(Function.SIGMOID),
    ("", "Slice"): shapes.slice_,
    ("", "Softmax"): activations.softmax,
    ("", "Softplus"): activations.elementwise(Function.LOG1P_EXP),
    ("", "Squeeze"): shapes.squeeze,
    ("", "Sub"): arithmetic.sub,
    ("", "Tanh"): activations.elementwise(Function.TANH),
    ("", "Transpose"): shapes.transpose,
    ("", "Unsqueeze"): shapes.unsqueeze,
    ("ai.onnx.ml", "ArrayFeatureExtractor"): features.array_feature_extractor,
    ("ai.onnx.ml", "Binarizer"): features.binarizer,
    ("ai.onnx.ml", "FeatureVectorizer"): shapes.feature_vectorizer,
    ("ai.onnx.ml", "Imputer"): features.imputer,
    ("ai.onnx.ml", "LabelEncoder"): labels.label_encoder,
    ("ai.onnx.ml", "LinearClassifier"): linear.linear_classifier,
    ("ai.onnx.ml", "LinearRegressor"): linear.linear_regressor,
    ("ai.onnx.ml", "Normalizer"): features.normalizer,
    ("ai.onnx.ml", "OneHotEncoder"): features.one_hot_encoder,
    ("ai.onnx.ml", "Scaler"): features.scaler,
    ("ai.onnx.ml", "TreeEnsemble"): ensembles.tree_ensemble,
    ("ai.onnx.ml", "TreeEnsembleClassifier"): ensembles.tree_ensemble_classifier,
    ("ai.onnx.ml", "TreeEnsembleRegressor"): ensembles.tree_ensemble_regressor,
    ("ai.onnx.ml", "ZipMap"): labels.zip_map,
}


def lower_node(node: Node, lower: Lowering) -> None:
    """Makes steps of a node. Raises NotCompiledError that names it."""
    operator = OPERATORS.get((node.domain, node.op))
    if operator is None:
        raise node.error("this operator has no native form.")
    if node.domain not in lower.versions:
        raise node.error("the model does not say the version of its domain's operators.")
    if not node.outputs or not node.inputs:
        raise node.error("it has no inputs, or no outputs.")
    try:
        operator(node, lower)
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        # Attributes of other types than the operator has, numbers that no array could count.
        raise node.error(f"its attributes are not those of its operator: {error}.") from None
