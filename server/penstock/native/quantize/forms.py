# SPDX-License-Identifier: Apache-2.0
"""A model with some of its dense layers in other forms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from penstock.native.artifact import ArtifactBuilder, CompiledModel
from penstock.native.quantize.layers import Layer
from penstock.native.quantize.weights import GROUP, four_bits, int8
from penstock.native.reference_dense import bfloat16_bits
from penstock_client._proto import native_artifact_pb2 as pb

__all__ = ["INPUTS_MAX", "FormName", "LayerForm", "form_for", "in_forms"]

#: What a layer computes with. `int8-static` needs a range of its input.
FormName = Literal["fp32", "bf16", "int8-static", "int8-dynamic", "int4"]

#: More inputs than these could overflow the sums of whole numbers.
INPUTS_MAX = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerForm:
    """A form, and for `int8-static` how the input becomes whole numbers."""

    name: FormName
    input: pb.StaticInput | None = None


def form_for(layer: Layer, wanted: LayerForm) -> LayerForm:
    """`wanted`, or the nearest form that this layer can have."""
    if wanted.name.startswith("int") and layer.inputs > INPUTS_MAX:
        return LayerForm(name="bf16")
    if wanted.name == "int4" and layer.inputs % 2:
        return LayerForm(name="int8-dynamic")
    return wanted


def in_forms(
    model: CompiledModel,
    layers: list[Layer],
    forms: Mapping[int, LayerForm],
    *,
    evidence: str = "",
) -> CompiledModel:
    """`model` with the layers of `forms`, by their steps' places, in those; the others as are."""
    builder = ArtifactBuilder.of_ports(model)
    of_place = {layer.place: layer for layer in layers}
    for place, step in enumerate(model.manifest.steps):
        if (form := forms.get(place)) is None or form.name == "fp32":
            builder.adopt(step, model)
            continue
        emptied = pb.Step()
        emptied.CopyFrom(step)
        emptied.dense.ClearField("weight")
        dense = builder.adopt(emptied, model).dense
        _put_weights(builder, dense, of_place[place], form)
    return builder.finish(evidence=evidence)


def _put_weights(builder: ArtifactBuilder, dense: pb.Dense, layer: Layer, form: LayerForm) -> None:
    if form.name == "bf16":
        dense.weights = pb.Dense.BF16
        dense.weight.CopyFrom(builder.blob(bfloat16_bits(layer.weight), "<u2"))
        return
    if form.name == "int4":
        packed, scale = four_bits(layer.weight)
        dense.weights, dense.group = pb.Dense.U4, GROUP
        dense.weight.CopyFrom(builder.blob(packed, "u1"))
    else:
        whole, scale = int8(layer.weight)
        dense.weights = pb.Dense.S8
        dense.weight.CopyFrom(builder.blob(whole, "i1"))
        if form.input is not None:
            dense.input.CopyFrom(form.input)
    dense.scale.CopyFrom(builder.blob(scale, "<f4"))
