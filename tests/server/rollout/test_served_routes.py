# SPDX-License-Identifier: Apache-2.0
"""What is told of routes is nothing that a package calls sensitive."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from tests.doubles.rollouts import EXAMPLE
from tests.doubles.routes import OF_FILE, SHADOW, ListedRoutes

from penstock.errors import EngineError
from penstock.rollout.served_routes import ServedRoutes, without_sensitive


@dataclass
class NamedInputs:
    """What each version calls sensitive."""

    named: dict[tuple[str, int], frozenset[str]] = field(default_factory=dict)

    def loaded_versions(self, model: str) -> Sequence[int]:
        return [number for name, number in self.named if name == model]

    def sensitive(self, model: str, version: int) -> frozenset[str]:
        return self.named.get((model, version), frozenset())


@pytest.mark.parametrize(
    "named", [{("fraud", 7): frozenset({"amount"})}, {("fraud-trees", 2): frozenset({"amount"})}]
)
def test_values_that_any_version_calls_sensitive_are_left_out(
    named: dict[tuple[str, int], frozenset[str]],
) -> None:
    routes = ServedRoutes(ListedRoutes(), NamedInputs(named))
    (example,) = routes.examples("fraud")
    amount = example.pair["inputs"][0]
    assert amount == {"name": "amount", "datatype": "FP32", "shape": [1, 2], "sensitive": True}
    assert example.pair["primary"] == EXAMPLE.pair["primary"]
    (shadow,) = routes.route("fraud").shadows
    assert [one.column for one in shadow.counts.worst] == ["age"]


def test_what_nobody_calls_sensitive_is_told() -> None:
    routes = ServedRoutes(ListedRoutes(), NamedInputs({("fraud", 6): frozenset({"amount"})}))
    assert routes.examples("fraud") == [EXAMPLE]
    assert routes.route("fraud") == OF_FILE


def test_answers_may_be_sensitive_too_and_errors_keep_their_code_alone() -> None:
    pair = EXAMPLE.pair | {"shadow": {"error": {"code": "INTERNAL", "message": "no"}}}
    example = replace(EXAMPLE, pair_json=json.dumps(pair))
    told = without_sensitive(example, ["score"]).pair
    assert "data" not in told["primary"]["outputs"][0]
    assert told["inputs"] == pair["inputs"]
    assert told["shadow"] == {"error": {"code": "INTERNAL", "sensitive": True}}


def test_a_list_has_no_detail_of_shadows() -> None:
    first = ServedRoutes(ListedRoutes(), NamedInputs()).routes()[0]
    counts = replace(SHADOW.counts, latency_ratio=(), outputs=(), worst=())
    assert first.shadows == (replace(SHADOW, counts=counts),)


def test_a_model_without_a_route_is_not_found() -> None:
    routes = ServedRoutes(ListedRoutes(), NamedInputs())
    for ask in (routes.route, routes.examples):
        with pytest.raises(EngineError):
            ask("nobody")
