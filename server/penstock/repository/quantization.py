# SPDX-License-Identifier: Apache-2.0
"""What a compiled model's metadata say of its quantisation: the evidence that its file carries.

`penstock models` shows the property `quantization`.
"""

from dataclasses import replace

from penstock.errors import ArtifactError
from penstock.native.artifact import read_manifest
from penstock.native.quantize.evidence_line import evidence_line
from penstock.plain_text import sayable
from penstock.repository.plan import ModelPlan

__all__ = ["PROPERTY", "with_quantization"]

PROPERTY = "quantization"
LINE_MAX = 400  # characters


def with_quantization(plan: ModelPlan) -> ModelPlan:
    """The plan of a compiled model, with the choice in its properties, if one was made.

    A property of that name in the configuration stays. What is wrong with the file, a load says.
    """
    if any(name == PROPERTY for name, _ in plan.notes.properties):
        return plan
    try:
        line = sayable(evidence_line(read_manifest(plan.model_path).evidence))[:LINE_MAX]
    except ArtifactError:
        return plan
    if not line:
        return plan
    properties = (*plan.notes.properties, (PROPERTY, line))
    return replace(plan, notes=replace(plan.notes, properties=properties))
