# SPDX-License-Identifier: Apache-2.0
"""A damaged XGBoost model, or one of what has no native form, is refused in one sentence."""

import copy
import json
from typing import Any

import numpy as np
import pytest

from penstock.errors import ModelFileError, NotCompiledError
from penstock.native.compiler import compile_bytes

TREE: dict[str, Any] = {
    "tree_param": {"num_nodes": "5", "size_leaf_vector": "1"},
    "left_children": [1, 3, -1, -1, -1],
    "right_children": [2, 4, -1, -1, -1],
    "split_indices": [1, 0, 0, 0, 0],
    "split_conditions": [0.5, 3, 1, 2, 4],
    "default_left": [1, 0, 0, 0, 0],
    "split_type": [0, 1, 0, 0, 0],
    "categories": [1, 33],
    "categories_nodes": [1],
    "categories_segments": [0],
    "categories_sizes": [2],
}
MODEL: dict[str, Any] = {
    "learner": {
        "gradient_booster": {"model": {"trees": [TREE], "tree_info": [0]}, "name": "gbtree"},
        "learner_model_param": {
            "base_score": "[2.5E-1]",
            "num_class": "0",
            "num_feature": "2",
            "num_target": "1",
        },
        "objective": {"name": "reg:squarederror"},
    },
    "version": [3, 2, 0],
}


def compiled(path: str, value: object) -> None:
    """Compiles the model with another value at a place of it."""
    model = copy.deepcopy(MODEL)
    *keys, last = path.split(".")
    here: Any = model
    for key in keys:
        here = here[int(key) if isinstance(here, list) else key]
    here[last] = value
    compile_bytes(json.dumps(model).encode())


def test_the_model_that_the_others_are_made_of_compiles() -> None:
    model = compile_bytes(json.dumps(MODEL).encode())
    forest = model.manifest.steps[0].forest
    assert model.manifest.source == "XGBoost 3.2.0 model"
    assert list(model.array(forest.base, "<f8")) == [0.25]
    # In the place of the library's left and right: the categories, and all others.
    assert list(model.array(forest.category_words, "<u4")) == [2, 0b10, 0b10]
    assert list(model.array(forest.flags, "u1")) == [4, 2 | 4, 1, 1, 1]
    below_half = np.nextafter(np.float32(0.5), np.float32(0))
    assert list(model.array(forest.threshold, "<f8")) == [below_half, 0, 0, 0, 0]
    assert list(model.array(forest.leaf_values, "<f8")) == [1, 4, 2]


def test_nothing_is_below_minus_infinity() -> None:
    model = copy.deepcopy(MODEL)
    tree = model["learner"]["gradient_booster"]["model"]["trees"][0]
    tree["split_conditions"][0] = float("-inf")
    compiled_model = compile_bytes(json.dumps(model).encode())
    forest = compiled_model.manifest.steps[0].forest
    assert compiled_model.array(forest.flags, "u1")[0] == 2 | 4
    assert compiled_model.array(forest.category_words, "<u4")[-1] == 0


TREE_AT = "learner.gradient_booster.model.trees.0."


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("learner", {}, "it has no learner.learner_model_param: wanted an XGBoost model"),
        ("learner", 5, "it has no learner.learner_model_param"),
        ("learner.objective", {"name": 5}, "learner.objective.name: wanted a string, found 5"),
        ("learner.gradient_booster.model", {"trees": [], "tree_info": []}, "it has no trees"),
        ("learner.gradient_booster.model.trees", 7, "trees: wanted an array, found 7"),
        ("learner.gradient_booster.model.tree_info", [0, 0], "wanted an array of 1 numbers"),
        ("learner.gradient_booster.model.tree_info", [1], "adds to target 1: there are 1"),
        ("learner.learner_model_param.base_score", "[1,2]", "2 base scores: wanted 1 or 1"),
        ("learner.learner_model_param.base_score", "nan", "numbers of float32, not nan"),
        ("learner.learner_model_param.num_feature", "1", "has feature 1: wanted 0 to 0"),
        ("learner.learner_model_param.num_feature", "-1", "wanted a number below"),
        (f"{TREE_AT}tree_param", {"num_nodes": "0", "size_leaf_vector": "1"}, "array of 0"),
        (f"{TREE_AT}split_conditions", [0.5, 3, 1, 2], "wanted an array of 5 numbers"),
        (f"{TREE_AT}split_conditions", [1e39, 3, 1, 2, 4], r"numbers of float32, not 1e\+39"),
        (f"{TREE_AT}split_conditions", [float("nan"), 3, 1, 2, 4], "of float32, not nan"),
        (f"{TREE_AT}split_conditions", ["a", 3, 1, 2, 4], "wanted an array of float32"),
        (f"{TREE_AT}left_children", [0, 3, -1, -1, -1], "these are no trees"),
        (f"{TREE_AT}left_children", [1, 7, -1, -1, -1], "right child 7: wanted 0 to 4"),
        (f"{TREE_AT}left_children", [0.5, 3, -1, -1, -1], "numbers of int64, not 0.5"),
        (f"{TREE_AT}categories_sizes", [3], "categories ends before the last of its segments"),
        (f"{TREE_AT}categories_nodes", [0], "categories_nodes are not the nodes of split_type 1"),
        (f"{TREE_AT}categories", [-1, 33], "tests for category"),
    ],
)
def test_a_damaged_model_is_refused_with_the_place(path: str, value: object, sentence: str) -> None:
    with pytest.raises(ModelFileError, match=sentence):
        compiled(path, value)


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("learner.objective", {"name": "own"}, "its objective is 'own'"),
        ("learner.gradient_booster.name", "other", "its booster is 'other': wanted gbtree"),
    ],
)
def test_what_has_no_native_form_is_told(path: str, value: object, sentence: str) -> None:
    with pytest.raises(NotCompiledError, match=sentence):
        compiled(path, value)


def test_text_that_is_no_json_is_refused() -> None:
    with pytest.raises(ModelFileError, match="it is no JSON: "):
        compile_bytes(json.dumps(MODEL).encode()[:-9])
    with pytest.raises(ModelFileError, match="it is no JSON: "):
        compile_bytes(b'{"a":' * 100_000)
