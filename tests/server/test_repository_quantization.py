# SPDX-License-Identifier: Apache-2.0
"""A compiled model's evidence becomes a property of its metadata."""

import json
from pathlib import Path

import pytest

from penstock.native.artifact import ArtifactBuilder, write_artifact
from penstock.repository.plan import ModelPlan, NotesPlan
from penstock.repository.quantization import with_quantization
from penstock_client._proto import native_artifact_pb2 as pb

EVIDENCE = {
    "kind": "quantization",
    "chosen": "bf16",
    "metric": "auc",
    "baseline": 0.9375,
    "max_drop": 0.001,
    "rows_judged": 285,
    "data": "rows.parquet",
    "forms": [{"form": "bf16", "metric": 0.9374}],
}
LINE = "quantised as bf16: auc 0.9374, was 0.9375; 0.001 worse allowed; 285 rows of rows.parquet"


def plan_with(evidence: str, folder: Path, *properties: tuple[str, str]) -> ModelPlan:
    """A plan for a compiled model whose file carries `evidence`."""
    builder = ArtifactBuilder(source="")
    x = builder.input("x", "FP32", pb.FLOAT32, dims=[2])
    builder.output("y", "INT64", builder.step(pb.ArgMax(), [x], pb.INT64, 1))
    write_artifact(builder.finish(evidence=evidence), folder / "model.pnst")
    return ModelPlan(
        name="net",
        version=1,
        platform="native",
        backend="native",
        model_path=folder / "model.pnst",
        batch_rows_max=None,
        batch_rows_default=8,
        notes=NotesPlan(properties=properties),
    )


def test_the_choice_becomes_a_property(tmp_path: Path) -> None:
    plan = with_quantization(plan_with(json.dumps(EVIDENCE), tmp_path, ("owner", "us")))
    assert plan.notes.properties == (("owner", "us"), ("quantization", LINE))


def test_what_was_left_as_it_is_is_said_to_be(tmp_path: Path) -> None:
    left = {**EVIDENCE, "chosen": "fp32", "forms": [{"form": "fp32", "metric": 0.9375}]}
    plan = with_quantization(plan_with(json.dumps(left), tmp_path))
    assert plan.notes.properties[0][1].startswith("left in fp32: auc 0.9375")


@pytest.mark.parametrize("evidence", ["", "nonsense", json.dumps({"kind": "another"})])
def test_a_model_without_such_evidence_has_no_property(evidence: str, tmp_path: Path) -> None:
    assert with_quantization(plan_with(evidence, tmp_path)).notes.properties == ()


def test_the_operators_own_property_stays(tmp_path: Path) -> None:
    plan = plan_with(json.dumps(EVIDENCE), tmp_path, ("quantization", "by hand"))
    assert with_quantization(plan) is plan


def test_a_file_that_is_no_model_is_left_to_the_load(tmp_path: Path) -> None:
    plan = plan_with(json.dumps(EVIDENCE), tmp_path)
    for content in (b"", b"no model", plan.model_path.read_bytes()[:100]):
        plan.model_path.write_bytes(content)
        assert with_quantization(plan) is plan
    plan.model_path.unlink()
    assert with_quantization(plan) is plan
