# SPDX-License-Identifier: Apache-2.0
"""Makes the graph, by skl2onnx with converters that converters.py registers."""

from contextlib import suppress
from typing import Any

import skl2onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType

from penstock.errors import NotCompiledError
from penstock.native.sources.sklearn_amends import amend
from penstock_training.candidates.model import estimator_of
from penstock_training.errors import CandidateError
from penstock_training.export.converters import OPSETS, register_boosters, register_converters
from penstock_training.export.signature import FEATURES, LABEL, PREDICTION, PROBABILITIES
from penstock_training.features import FeaturePlan

__all__ = ["exported"]


def exported(pipeline: Any, plan: FeaturePlan, name: str) -> bytes:
    """The bytes of model.onnx: the same for the same fitted pipeline.

    `pipeline` is a fitted Pipeline of a transformation_of() and a model. The graph's inputs and
    outputs are those of signature_of(); `name` is what it is called.

    Raises:
        CandidateError: a part of it has no form in ONNX.
    """
    register_converters()
    register_boosters(estimator_of(pipeline))
    inputs: list[tuple[str, Any]] = []
    if plan.numeric:
        inputs.append((FEATURES, FloatTensorType([None, len(plan.numeric)])))
    for one in plan.categorical:
        kind = StringTensorType if one.datatype == "BYTES" else Int64TensorType
        inputs.append((one.name, kind([None, 1])))
    try:
        made = skl2onnx.convert_sklearn(
            pipeline, name=name, initial_types=inputs, target_opset=OPSETS
        )
    except Exception as error:  # skl2onnx has a class for each way of failing, and onnx others
        why = " ".join(str(error).split())[:300].rstrip(".")
        raise CandidateError(
            f"the pipeline cannot be exported to ONNX ({type(error).__name__}: {why})."
        ) from None
    graph = made.graph
    with suppress(NotCompiledError):  # of two trees that it cannot tell apart; parity decides
        amend(graph, pipeline)
    wanted = [LABEL, PROBABILITIES] if plan.is_classifier else [PREDICTION]
    found = [one.name for one in graph.output]
    if len(found) != len(wanted):
        raise CandidateError(f"the exported graph has the outputs {', '.join(found)}.")
    _rename(graph, dict(zip(found, wanted, strict=True)))
    _set_widths(graph, [1, len(plan.classes)] if plan.is_classifier else [1])
    del made.metadata_props[:]
    _sort_opsets(made)
    return bytes(made.SerializeToString(deterministic=True))


def _sort_opsets(made: Any) -> None:
    """skl2onnx lists them as a set has them: otherwise in each process."""
    opsets = {one.domain: one.version for one in made.opset_import}
    del made.opset_import[:]
    for domain, version in sorted(opsets.items()):
        made.opset_import.add(domain=domain, version=version)


def _rename(graph: Any, names: dict[str, str]) -> None:
    taken = {one for node in graph.node for one in node.output} - set(names)
    free = {name: f"{name}.inner" for name in names.values() if name in taken}
    whole = {**free, **names}
    for node in graph.node:
        node.input[:] = [whole.get(name, name) for name in node.input]
        node.output[:] = [whole.get(name, name) for name in node.output]
    for one in graph.output:
        one.name = names[one.name]


def _set_widths(graph: Any, widths: list[int]) -> None:
    """[rows, width] of each output; skl2onnx leaves some of it open."""
    for one, width in zip(graph.output, widths, strict=True):
        shape = one.type.tensor_type.shape
        del shape.dim[:]
        shape.dim.add()
        shape.dim.add().dim_value = width
