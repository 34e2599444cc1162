# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pyarrow as pa
import pytest

from penstock.errors import PredictError
from penstock.package.signature import ModelSignature, TensorSignature
from penstock.predict.columns import bind_columns, columns_of

WIDE = TensorSignature(name="x", datatype="FP32", shape=(-1, 3))
NAMED = TensorSignature(name="x", datatype="FP32", shape=(-1, 2), columns=("b", "a"))
TOWN = TensorSignature(name="town", datatype="BYTES", shape=(-1, 1))


def signature(*inputs: TensorSignature) -> ModelSignature:
    return ModelSignature(inputs=inputs, outputs=())


def schema(*names: str, **others: pa.DataType) -> pa.Schema:
    return pa.schema([*((name, pa.float32()) for name in names), *others.items()])


def test_columns_that_a_signature_names_are_found_wherever_they_stand() -> None:
    found = bind_columns(
        signature(NAMED, TOWN), schema("id", "a", "b", town=pa.string()), has_names=True
    )
    assert [one.columns for one in found] == [("b", "a"), ("town",)]
    assert columns_of(found) == ["b", "a", "town"]


def test_a_model_without_names_takes_columns_that_are_named_for_it() -> None:
    found = bind_columns(
        signature(WIDE, TOWN),
        schema("a", "b", "c", "d", town=pa.string()),
        feature_columns=("c", "a", "d"),
    )
    assert [one.columns for one in found] == [("c", "a", "d"), ("town",)]


def test_a_model_without_names_takes_numbered_columns_lists_or_all_there_are() -> None:
    numbered = bind_columns(signature(WIDE), schema("x[2]", "x[1]", "x[0]", "y"))
    assert numbered[0].columns == ("x[0]", "x[1]", "x[2]")
    listed = bind_columns(signature(WIDE), schema("y", x=pa.list_(pa.int64())))
    assert (listed[0].columns, listed[0].is_list) == (("x",), True)
    every = bind_columns(signature(WIDE), schema("p", "q", "id", "r"), kept=("id",))
    assert every[0].columns == ("p", "q", "r")


@pytest.mark.parametrize(
    ("inputs", "given", "features", "sentence"),
    [
        ((NAMED,), schema("a"), (), "The input has no column 'b', which the model reads; it has"),
        ((WIDE,), schema("a", "b"), (), "input 'x' has 3 columns, whose names the model does not"),
        ((WIDE,), schema("a", "b"), ("a",), "--feature-columns names 1 columns, and input 'x' has"),
        ((WIDE,), schema("x"), (), "column 'x' is float, and input 'x' is of 3 values a row"),
        ((TOWN,), schema("town"), (), "column 'town' is float, and input 'town' is BYTES: wanted"),
        (
            (NAMED,),
            schema("b", a=pa.timestamp("s")),
            (),
            r"column 'a' is timestamp\[s\], and input 'x' is FP32: wanted numbers",
        ),
        (
            (TensorSignature(name="x", datatype="FP32", shape=(-1, -1)),),
            schema("x"),
            (),
            "wanted one whose rows are of a known size",
        ),
    ],
)
def test_columns_that_fit_no_model_are_refused_in_a_sentence(
    inputs: tuple[TensorSignature, ...], given: pa.Schema, features: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(PredictError, match=sentence):
        bind_columns(signature(*inputs), given, feature_columns=features)


def test_a_package_that_names_its_columns_is_told_none() -> None:
    with pytest.raises(PredictError, match="this package names them: leave it out"):
        bind_columns(signature(NAMED), schema("a", "b"), feature_columns=("a", "b"), has_names=True)


def test_a_name_that_two_columns_have_is_refused() -> None:
    with pytest.raises(PredictError, match="two columns 'a': rename one"):
        bind_columns(signature(NAMED), schema("a", "b", "a"))
