# SPDX-License-Identifier: Apache-2.0
"""The reference's forests against a walk of nested Python tests."""

import math
from dataclasses import dataclass, field

import numpy as np
import pytest

from penstock.native.artifact import ArtifactBuilder, CompiledModel
from penstock.native.reference import evaluate
from penstock_client._proto import native_artifact_pb2 as pb

NAN = float("nan")
LEAF, CATEGORIES, GOES_LEFT = 1, 2, 4
NAN_AND_ZERO, NOTHING = 8, 16


@dataclass(slots=True)
class Nodes:
    """Nodes that are written down one after the other."""

    feature: list[int] = field(default_factory=list)
    threshold: list[float] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)
    words: list[int] = field(default_factory=list)

    def add(self, feature: int, threshold: float, left: int, right: int, flags: int) -> int:
        self.feature.append(feature)
        self.threshold.append(threshold)
        self.left.append(left)
        self.right.append(right)
        self.flags.append(flags)
        return len(self.flags) - 1

    def leaf(self, value: float, target: int = 0) -> int:
        self.values.append(value)
        return self.add(0, 0, len(self.values) - 1, target, LEAF)

    def stump(self, feature: int, threshold: float, flags: int = 0) -> None:
        """A tree that answers 1 on the left and 2 on the right."""
        root = self.add(feature, threshold, 0, 0, flags)
        self.roots.append(root)
        self.left[root], self.right[root] = self.leaf(1), self.leaf(2)

    def model(
        self,
        features: int,
        targets: int = 1,
        *,
        kind: pb.Kind = pb.FLOAT32,
        sum_: pb.Forest.Sum = pb.Forest.IN_DOUBLE,
        base: list[float] | None = None,
        factor: float = 1,
        leaves_are_rows: bool = False,
    ) -> CompiledModel:
        builder = ArtifactBuilder(source="")
        datatype = "FP32" if kind == pb.FLOAT32 else "FP64"
        x = builder.input("x", datatype, kind, dims=[features])
        what = pb.Forest(
            features=features,
            targets=targets,
            roots=builder.blob(self.roots, "<u4"),
            feature=builder.blob(self.feature, "<u4"),
            threshold=builder.blob(self.threshold, "<f8"),
            left=builder.blob(self.left, "<u4"),
            right=builder.blob(self.right, "<u4"),
            flags=builder.blob(self.flags, "u1"),
            leaf_values=builder.blob(self.values, "<f8"),
            leaves_are_rows=leaves_are_rows,
            category_words=builder.blob(self.words, "<u4"),
            base=builder.blob(base or [0.0] * targets, "<f8"),
            factor=factor,
            sum=sum_,
        )
        y = builder.step(what, [x], pb.FLOAT64, targets)
        builder.output("y", "FP64", y, dims=[targets])
        return builder.finish()


def answers(model: CompiledModel, x: list[list[float]], dtype: type = np.float32) -> list[float]:
    return list(evaluate(model, {"x": np.array(x, dtype)})["y"][:, 0])


def test_a_row_goes_left_up_to_the_threshold() -> None:
    nodes = Nodes()
    nodes.stump(1, 0.5)
    above = math.nextafter(np.float32(0.5), 1)
    assert answers(nodes.model(2), [[9, 0.5], [9, 0.25], [9, 0.51], [9, -math.inf]]) == [1, 1, 2, 1]
    assert answers(nodes.model(2, kind=pb.FLOAT64), [[9, above]], np.float64) == [2]


def test_a_threshold_between_two_float32_is_the_lower_one_for_them() -> None:
    nodes = Nodes()
    nodes.stump(0, 0.1)  # float32(0.1) is more than 0.1
    assert answers(nodes.model(1), [[0.1]]) == [2]
    assert answers(nodes.model(1, kind=pb.FLOAT64), [[0.1]], np.float64) == [1]


@pytest.mark.parametrize(
    ("flags", "expected"),  # of NaN, 0, 1e-36, 1, where the threshold is -1
    [
        (0, [2, 2, 2, 2]),
        (GOES_LEFT, [1, 2, 2, 2]),
        (NAN_AND_ZERO, [2, 2, 2, 2]),
        (NAN_AND_ZERO | GOES_LEFT, [1, 1, 1, 2]),
        (NOTHING | GOES_LEFT, [2, 2, 2, 2]),
    ],
)
def test_what_is_missing_goes_where_the_node_says(flags: int, expected: list[float]) -> None:
    nodes = Nodes()
    nodes.stump(0, -1, flags)
    assert answers(nodes.model(1), [[NAN], [0], [1e-36], [1]]) == expected


def test_nan_counts_as_zero_where_nothing_is_missing() -> None:
    nodes = Nodes()
    nodes.stump(0, 0, NOTHING)
    assert answers(nodes.model(1), [[NAN]]) == [1]


def test_a_category_is_looked_up_in_its_set() -> None:
    nodes = Nodes()
    nodes.words = [99, 2, 1 << 3 | 1, 1 << 31]  # a set of two words: 0, 3 and 63
    nodes.stump(0, 1, CATEGORIES)
    inside = [0, 3, 3.9, 63, 63.5, -0.5]
    outside = [1, 2, 4, 31, 32, 62, 64, 1e9, math.inf, -1, -math.inf, NAN]
    assert set(answers(nodes.model(1), [[x] for x in inside])) == {1}
    assert set(answers(nodes.model(1), [[x] for x in outside])) == {2}


def test_leaves_add_to_their_targets_and_rows_of_leaves_to_all() -> None:
    nodes = Nodes()
    nodes.roots = [nodes.leaf(3, 0), nodes.leaf(4, 1), nodes.leaf(5, 1)]
    outputs = evaluate(nodes.model(1, 2, base=[10, 20], factor=0.5), {"x": np.zeros((2, 1))})
    assert outputs["y"].tolist() == [[11.5, 24.5]] * 2
    rows = Nodes(values=[1, 2, 3, 4])
    rows.roots = [rows.add(0, 0, 0, 0, LEAF), rows.add(0, 0, 2, 0, LEAF)]
    outputs = evaluate(rows.model(1, 2, leaves_are_rows=True), {"x": np.zeros((1, 1))})
    assert outputs["y"].tolist() == [[4, 6]]


def test_sums_in_float_round_at_each_tree_from_the_base_on() -> None:
    nodes = Nodes()
    nodes.roots = [nodes.leaf(1e8), nodes.leaf(1), nodes.leaf(-1e8)]
    x = [[0.0]]
    assert answers(nodes.model(1, sum_=pb.Forest.IN_DOUBLE), x) == [1]
    assert answers(nodes.model(1, sum_=pb.Forest.IN_FLOAT), x) == [0]
    assert answers(nodes.model(1, sum_=pb.Forest.IN_FLOAT, base=[-1e8]), x) == [-1e8 + 1 - 1]


@pytest.mark.parametrize("seed", range(3))
def test_random_trees_answer_as_nested_tests_do(seed: int) -> None:
    generator = np.random.default_rng(seed)
    nodes = Nodes()

    def grow(depth: int) -> int:
        if depth == 0 or generator.random() < 0.2:
            return nodes.leaf(generator.normal())
        node = nodes.add(int(generator.integers(4)), generator.normal(), 0, 0, 0)
        nodes.left[node] = grow(depth - 1)
        nodes.right[node] = grow(depth - 1)
        return node

    def walk(node: int, row: list[float]) -> float:
        if nodes.flags[node]:
            return nodes.values[nodes.left[node]]
        goes_left = row[nodes.feature[node]] <= nodes.threshold[node]
        return walk(nodes.left[node] if goes_left else nodes.right[node], row)

    nodes.roots = [grow(6) for _ in range(9)]
    x = generator.normal(size=(50, 4)).astype(np.float32)
    expected = [sum(walk(root, row) for root in nodes.roots) for row in x.tolist()]
    assert answers(nodes.model(4), x.tolist()) == pytest.approx(expected, rel=1e-14)
