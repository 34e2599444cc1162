# SPDX-License-Identifier: Apache-2.0
"""What a served graph takes and gives: the content of signature.json."""

from typing import Any

from penstock_training.features import FeaturePlan

__all__ = ["FEATURES", "LABEL", "PREDICTION", "PROBABILITIES", "signature_of"]

#: The tensor of all numeric columns.
FEATURES = "features"
LABEL, PROBABILITIES, PREDICTION = "label", "probabilities", "prediction"


def signature_of(plan: FeaturePlan) -> dict[str, Any]:
    """Names, datatypes as the protocol calls them, shapes with -1 for the rows."""
    inputs: list[dict[str, Any]] = []
    if plan.numeric:
        inputs.append(
            {
                "name": FEATURES,
                "datatype": "FP32",
                "shape": [-1, len(plan.numeric)],
                "columns": list(plan.numeric),
                "sensitive": [name for name in plan.numeric if name in plan.sensitive],
            }
        )
    for one in plan.categorical:
        inputs.append(
            {
                "name": one.name,
                "datatype": one.datatype,
                "shape": [-1, 1],
                "sensitive": [one.name] if one.name in plan.sensitive else [],
            }
        )
    return {"inputs": inputs, "outputs": _outputs(plan)}


def _outputs(plan: FeaturePlan) -> list[dict[str, Any]]:
    if not plan.is_classifier:
        return [{"name": PREDICTION, "datatype": "FP32", "shape": [-1, 1]}]
    datatype = "BYTES" if isinstance(plan.classes[0], str) else "INT64"
    return [
        {"name": LABEL, "datatype": datatype, "shape": [-1, 1]},
        {
            "name": PROBABILITIES,
            "datatype": "FP32",
            "shape": [-1, len(plan.classes)],
            "classes": list(plan.classes),
        },
    ]
