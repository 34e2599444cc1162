# SPDX-License-Identifier: Apache-2.0
"""rollout.toml and route.toml: what is taken, and how each mistake is told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from penstock.errors import RolloutError
from penstock.rollout.read import (
    TOML_BYTES_MAX,
    read_rollout,
    read_route,
    rollout_of,
    rollout_of_toml,
)
from penstock.rollout.spec import RolloutShadowSpec, RolloutSpec, RouteFileSpec

DOCS = Path(__file__).resolve().parents[3] / "docs"

FULL = """
stages_bp = [100, 10_000]
dwell_s = 30
idempotent = true

[sticky]
source = "parameter"
name = "user"

[holdout]
share_bp = 50
salt = 18446744073709551615

[[overrides]]
arm = "canary"
key = "tester"

[shadow]
pairs_min = 50
sensitive = ["name"]

[guardrails.latency]
slo_ms = 20

[guardrails.predictions]
output = "y"
edges = [0.25, 0.5, 0.75]
on_breach = "hold"

[promotion]
harm_budget = 0.01
"""


def refusal(text: str) -> list[str]:
    with pytest.raises(RolloutError) as caught:
        rollout_of_toml(text, source="rollout.toml")
    assert caught.value.code == "INVALID_ARGUMENT"
    return str(caught.value).splitlines()


def test_a_file_says_what_differs_from_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "rollout.toml").write_text(FULL)
    spec = read_rollout(tmp_path / "rollout.toml")
    assert spec.stages_bp == (100, 10_000)
    assert spec.holdout.salt == 2**64 - 1
    assert spec.guardrails.latency is not None
    assert spec.guardrails.latency.slo_ms == 20
    assert spec.guardrails.alpha == RolloutSpec().guardrails.alpha
    assert rollout_of_toml("") == RolloutSpec()


def test_what_a_spec_says_of_itself_is_the_same_spec() -> None:
    spec = rollout_of_toml(FULL)
    assert rollout_of(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize("tables", [{"shadow": False}, {"shadow": None}])
def test_a_rollout_may_go_without_the_stage_of_the_shadow(tables: dict[str, object]) -> None:
    assert rollout_of(tables).shadow is None
    assert rollout_of({}).shadow == RolloutShadowSpec()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = 1", "x: there is no such key; docs/rollouts.md lists them."),
        ("[guardrails]\nalpha = 3", "guardrails.alpha: wanted a number less than 1, found 3."),
        ("[guardrails.latency]", "guardrails.latency.slo_ms: is missing."),
        ('dwell_s = "60"', 'dwell_s: wanted a number, found "60".'),
        ("dwell_s = nan", "dwell_s: wanted a finite number, found NaN."),
        ("dwell_s = 2020-01-01", 'dwell_s: wanted a number, found "2020-01-01".'),
        ("keys_max = 1.5", "keys_max: wanted a whole number, found 1.5."),
        ("idempotent = 1", "idempotent: wanted true or false, found 1."),
        ("stages_bp = []", "stages_bp: wanted at least 1 of them, found []."),
        ("stages_bp = [20000]", "stages_bp[0]: wanted a number less than or equal to 10000, "
         "found 20000."),
        ("stages_bp = [100, 50]", "wanted stages_bp that ascend from above 0."),
        ("stages_bp = [100]", "wanted stages_bp that end with 10000, found 100."),
        ("shadow = 3", "shadow: wanted a table, found 3."),
        ('force_keys = "k"', 'force_keys: wanted a list, found "k".'),
        ('[[overrides]]\narm = "a"', "overrides[0]: wanted either key or sha256."),
        ('[[overrides]]\narm = "a"\nsha256 = "z"',
         'overrides[0].sha256: wanted a text that matches ^[0-9a-f]{64}$, found "z".'),
        ('[guardrails.predictions]\noutput = "y"\nedges = [3, 2]',
         "guardrails.predictions: wanted edges that ascend."),
        ('on_inconclusive = "wait"',
         "on_inconclusive: wanted 'hold', 'promote' or 'roll_back', found \"wait\"."),
    ],
)  # fmt: skip
def test_a_mistake_is_told_by_its_key_with_what_was_wanted_and_found(
    text: str, sentence: str
) -> None:
    assert refusal(text) == [f"rollout.toml: {sentence}"]


def test_every_mistake_has_a_line() -> None:
    assert len(refusal("dwell_s = 0\nkeys_max = 1\n[shadow]\nname = 2")) == 3


def test_a_long_value_is_cut() -> None:
    (line,) = refusal(f'dwell_s = "{"9" * 5000}"')
    assert len(line) < 150


def test_what_is_no_toml_is_told_with_its_place() -> None:
    (line,) = refusal("x = [")
    assert line == "rollout.toml is not TOML: Invalid value (at end of document)."
    (line,) = refusal("x = " + "[" * 100_000)
    assert "is not TOML" in line


def test_a_file_is_bounded(tmp_path: Path) -> None:
    text = "#" * (TOML_BYTES_MAX + 1)
    (line,) = refusal(text)
    assert line == f"rollout.toml may have {TOML_BYTES_MAX} bytes, found {len(text)}."
    (tmp_path / "route.toml").write_text(text)
    with pytest.raises(RolloutError, match="may have 1048576 bytes, found 1048577"):
        read_route(tmp_path / "route.toml")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(RolloutError, match=r"rollout\.toml is not there") as caught:
        read_rollout(tmp_path / "rollout.toml")
    assert caught.value.code == "NOT_FOUND"
    (tmp_path / "rollout.toml").write_bytes(b"\xff")
    with pytest.raises(RolloutError, match="cannot be read: it is not UTF-8"):
        read_rollout(tmp_path / "rollout.toml")
    with pytest.raises(RolloutError, match="cannot be read: Is a directory"):
        read_rollout(tmp_path)


def test_the_shares_of_a_route_add_up(tmp_path: Path) -> None:
    path = tmp_path / "route.toml"
    path.write_text('[[arms]]\nname = "stable"\nshare_bp = 9_000\n')
    with pytest.raises(RolloutError, match="wanted arms whose share_bp sum to 10000, found 9000"):
        read_route(path)
    path.write_text('[[arms]]\nname = "stable"\nversion = 1\nshare_bp = 10_000\n')
    (arm,) = read_route(path).arms
    assert (arm.name, arm.version, arm.share_bp) == ("stable", 1, 10_000)


# -- documents ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "model"), [("rollouts.md", RolloutSpec), ("routes.md", RouteFileSpec)]
)
def test_the_document_has_every_key_with_its_default(document: str, model: type[BaseModel]) -> None:
    table = (DOCS / document).read_text().rpartition("| key | default | meaning |")[2]
    rows = [re.split(r" *\| *", line)[1:3] for line in table.splitlines()[2:] if "|" in line]
    told = {key.strip("`"): default.strip("`") for key, default in rows}
    keys = dict(_keys(model))
    assert told.keys() == keys.keys()
    for key, default in told.items():
        if default and not default.startswith("see"):
            assert json.loads(default) == keys[key], key


def _keys(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, object]]:
    """Each key's path, and its default as JSON; tables without values of their own are left out."""
    for name, field in model.model_fields.items():
        default = field.get_default()
        inner = [
            one
            for one in (field.annotation, *getattr(field.annotation, "__args__", ()))
            if isinstance(one, type) and issubclass(one, BaseModel)
        ]
        is_list = isinstance(default, tuple) or str(field.annotation).startswith("tuple")
        is_plain_table = bool(inner) and isinstance(default, BaseModel) and name != "shadow"
        if not is_plain_table:
            yield above + name, list(default) if isinstance(default, tuple) else default
        for one in inner:
            yield from _keys(one, f"{above}{name}{'[]' if is_list else ''}.")
