# SPDX-License-Identifier: Apache-2.0
"""Which differences between two signatures a client would notice, and how they are told."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.package.signature import ModelSignature
from penstock.package.signature_change import signature_change

FEATURES = {
    "name": "features",
    "datatype": "FP32",
    "shape": [-1, 2],
    "columns": ["age", "income"],
    "sensitive": ["age"],
}
TOWN = {"name": "town", "datatype": "BYTES", "shape": [-1, 1]}
LABEL = {"name": "label", "datatype": "INT64", "shape": [-1]}
SHARES = {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2], "classes": [0, 1]}


def signature(
    inputs: tuple[dict[str, Any], ...] = (FEATURES, TOWN),
    outputs: tuple[dict[str, Any], ...] = (LABEL, SHARES),
) -> ModelSignature:
    return ModelSignature.model_validate({"inputs": inputs, "outputs": outputs})


OLD = signature()


def changed(**changes: Any) -> str:
    return signature_change(OLD, signature(({**FEATURES, **changes}, TOWN)))


def test_what_a_client_does_not_notice_is_no_change() -> None:
    assert signature_change(OLD, OLD) == ""
    assert signature_change(OLD, signature((TOWN, FEATURES), (SHARES, LABEL))) == ""
    assert changed(sensitive=[]) == ""


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"datatype": "FP64"}, "input 'features' is FP64 instead of FP32"),
        ({"columns": ["income", "age"]}, "input 'features' has its columns in another order"),
        (
            {"columns": ["age", "income", "debt"], "shape": [-1, 3]},
            """input 'features' has the new column "debt\"""",
        ),
        (
            {"columns": ["age", "wage"]},
            """input 'features' has no column "income" and has the new column "wage\"""",
        ),
        (
            {"columns": [], "shape": [-1, 2, 1]},
            """input 'features' has no columns "age", "income\"""",
        ),
    ],
)
def test_a_change_of_an_input_is_told(changes: dict[str, Any], told: str) -> None:
    assert changed(**changes) == told


def test_tensors_that_come_and_go_are_told() -> None:
    assert signature_change(OLD, signature((FEATURES,))) == "input 'town' is missing"
    assert signature_change(signature((FEATURES,)), OLD) == "input 'town' is new"
    flat = {**LABEL, "shape": [-1, 1]}
    told = signature_change(OLD, signature(outputs=(flat, SHARES)))
    assert told == "output 'label' has shape [-1, 1] instead of [-1]"


def test_classes_are_compared_as_json_has_them() -> None:
    texts = {**SHARES, "classes": ["0", "1"]}
    told = signature_change(OLD, signature(outputs=(LABEL, texts)))
    wanted = 'has no classes 0, 1 and has the new classes "0", "1"'
    assert told == f"output 'probabilities' {wanted}"
    bools = {**SHARES, "classes": [False, True]}
    assert "false, true" in signature_change(OLD, signature(outputs=(LABEL, bools)))


def test_only_the_first_of_many_changes_are_told() -> None:
    many = tuple({**TOWN, "name": f"t{i}"} for i in range(7))
    told = signature_change(signature(many), signature(()))
    assert told.endswith("input 't3' is missing; 3 more")
