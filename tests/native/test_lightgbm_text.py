# SPDX-License-Identifier: Apache-2.0
"""A damaged LightGBM model, or one of what has no native form, is refused in one sentence."""

import numpy as np
import pytest

from penstock.errors import ModelFileError, NotCompiledError
from penstock.native.compiler import compile_bytes

TEXT = """tree
version=v4
num_class=1
num_tree_per_iteration=1
max_feature_idx=2
objective=regression

Tree=0
num_leaves=3
num_cat=1
split_feature=2 0
threshold=0.5 0
decision_type=2 1
left_child=1 -1
right_child=-2 -3
leaf_value=1 2 3
cat_boundaries=0 1
cat_threshold=6
is_linear=0
shrinkage=1

Tree=1
num_leaves=1
leaf_value=0.25

end of trees
"""


def compiled(text: str) -> None:
    compile_bytes(text.encode())


def test_the_text_that_the_others_are_made_of_compiles() -> None:
    model = compile_bytes(TEXT.encode())
    forest = model.manifest.steps[0].forest
    assert list(model.array(forest.roots, "<u4")) == [0, 5]
    assert list(model.array(forest.category_words, "<u4")) == [1, 0b110]
    assert np.array_equal(model.array(forest.leaf_values, "<f8"), [2, 1, 3, 0.25])


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("end of trees\n", "", "ends before the line `end of trees`: the file is cut short"),
        ("num_class=1", "num_class=x", "its head has num_class='x': wanted a number below"),
        ("max_feature_idx=2\n", "", "its head has max_feature_idx=''"),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=3", "2 trees: wanted a multiple of"),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=0", "2 trees: wanted a multiple of"),
        ("num_leaves=3", "num_leaves=99999999999999", "wanted a number below"),
        ("num_leaves=3", "num_leaves=4", "tree 0 has 2 elements of split_feature: wanted 3"),
        ("num_leaves=1", "num_leaves=0", "tree 1 has 0 leaves: wanted at least 1"),
        ("split_feature=2 0", "split_feature=3 0", "feature 3: wanted 0 to 2"),
        ("split_feature=2 0", "split_feature=0.5 0", "split_feature with a word that is no whole"),
        ("threshold=0.5 0", "threshold=nan 0", "node 0 has a threshold that is no number"),
        ("threshold=0.5 0", "threshold=a 0", "threshold with a word that is no number"),
        ("threshold=0.5 0", "threshold=0.5 1", "a set of categories that it does not have"),
        ("left_child=1 -1", "left_child=0 -1", "these are no trees"),
        ("left_child=1 -1", "left_child=9 -1", "tree 0 has a child that it does not have"),
        ("right_child=-2 -3", "right_child=-2 -1", "these are no trees"),
        ("leaf_value=1 2 3", "leaf_value=1 inf 3", "a leaf has a value that is not finite"),
        ("cat_boundaries=0 1", "cat_boundaries=0 2", "1 elements of cat_threshold: wanted 2"),
        ("cat_threshold=6", "cat_threshold=-6", "a set of categories that is no set of bits"),
        ("objective=regression", "objective=binary sigmoid:0", "sigmoid:0: wanted a number above"),
    ],
)
def test_a_damaged_text_is_refused_with_the_place(old: str, new: str, sentence: str) -> None:
    assert old in TEXT
    with pytest.raises(ModelFileError, match=sentence):
        compiled(TEXT.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("is_linear=0", "is_linear=1", "tree 0 has linear models in its leaves"),
        ("objective=regression", "objective=own", "its objective is 'own'"),
    ],
)
def test_what_has_no_native_form_is_told(old: str, new: str, sentence: str) -> None:
    with pytest.raises(NotCompiledError, match=sentence):
        compiled(TEXT.replace(old, new))


def test_every_shorter_text_is_refused() -> None:
    for size in range(len(TEXT) - len("end of trees\n")):
        with pytest.raises(ModelFileError):
            compiled(TEXT[:size])
