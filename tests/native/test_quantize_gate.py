# SPDX-License-Identifier: Apache-2.0
"""The gate on real nets: what passes is kept, what hurts is not, and nothing happens silently."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from tests.native.trained_nets import TrainedNet, cancer_net, compiled, diabetes_net, hurt_net

from penstock.errors import QuantizeError
from penstock.native.artifact import Array, CompiledModel
from penstock.native.quantize.data import Rows
from penstock.native.quantize.evidence import evidence_json, with_evidence
from penstock.native.quantize.evidence_line import evidence_line
from penstock.native.quantize.gate import GatePlan, Verdict, plan_of, run_gate
from penstock.native.quantize.picture import draw
from penstock.native.quantize.trials import FORMS
from penstock.native.reference import evaluate
from penstock_client._proto import native_artifact_pb2 as pb

WEIGHTS = {
    "fp32": pb.Dense.FP32,
    "bf16": pb.Dense.BF16,
    "int8-static": pb.Dense.S8,
    "int8-dynamic": pb.Dense.S8,
    "int4": pb.Dense.U4,
}


def rows_of(net: TrainedNet) -> Rows:
    return Rows(inputs={"x": net.x}, labels=net.y, label_name="label")


@cache
def judged(name: str) -> Verdict:
    """A verdict that several tests look at."""
    net = {"cancer": cancer_net, "hurt": hurt_net}[name]()
    return run_gate(net.model, rows_of(net), GatePlan(metric="auc", max_drop=0.001))


def forms_of(model: CompiledModel) -> list[pb.Dense.Weights]:
    steps = model.manifest.steps
    return [step.dense.weights for step in steps if step.WhichOneof("what") == "dense"]


def test_a_real_net_passes_with_int8_and_ranges_from_the_data() -> None:
    verdict = judged("cancer")
    chosen = verdict.chosen
    assert chosen is not None and chosen.form == "int8-static"
    assert verdict.baseline > 0.98
    assert chosen.drop <= 0.001
    assert forms_of(chosen.model) == [pb.Dense.S8] * 3
    assert all(s.dense.HasField("input") for s in chosen.model.manifest.steps[1:])
    assert (verdict.rows_calibrated, verdict.rows_judged) == (142, 142)
    assert verdict.skipped == {"mixed": "int8-static passes with all layers"}


def test_what_int8_hurts_keeps_its_worst_layer_at_a_higher_precision() -> None:
    verdict = judged("hurt")
    trials = {trial.form: trial for trial in verdict.trials}
    assert not trials["int8-static"].passes
    assert not trials["int8-dynamic"].passes
    assert verdict.chosen is trials["mixed"]
    assert [layer.form.partition("-")[0] for layer in trials["mixed"].layers] == [
        "bf16",
        "int8",
        "int8",
    ]
    assert trials["mixed"].note.endswith("but fc1 in bf16")
    error = {layer.name: layer.own_sqnr_db or np.inf for layer in trials["int8-static"].layers}
    assert error["fc1"] < 10 < min(error["fc2"], error["fc3"])


def test_a_hurt_net_of_one_layer_falls_back_to_bf16() -> None:
    generator = np.random.default_rng(0)
    weight, scales = generator.normal(size=(8, 1)), np.array([1e4, *[1.0] * 7])
    weight[0] /= 1e4
    model = compiled([weight], [np.zeros(1)], pb.Activation.IDENTITY, column_scales=scales)
    x = generator.normal(size=(200, 8)).astype(np.float32)
    verdict = run_gate(model, Rows(inputs={"x": x}), GatePlan(max_drop=0.001))
    assert verdict.chosen is not None and verdict.chosen.form == "bf16"
    assert verdict.skipped == {"mixed": "the model has a single dense layer"}


def test_every_trial_is_what_it_says_it_is() -> None:
    for verdict in (judged("cancer"), judged("hurt")):
        for trial in verdict.trials:
            said = [WEIGHTS[layer.form] for layer in trial.layers]
            assert forms_of(trial.model) == said
            is_static = [
                step.dense.HasField("input")
                for step in trial.model.manifest.steps
                if step.WhichOneof("what") == "dense"
            ]
            assert is_static == [layer.form == "int8-static" for layer in trial.layers]
            assert trial.passes == (trial.drop <= 0.001)


def test_a_regression_is_judged_by_its_error() -> None:
    net = diabetes_net()
    verdict = run_gate(net.model, rows_of(net), GatePlan(metric="rmse", max_drop=0.5))
    assert verdict.chosen is not None and verdict.chosen.passes
    assert {trial.form for trial in verdict.trials} >= set(FORMS) - {"mixed"}
    assert all(trial.drop == trial.score - verdict.baseline for trial in verdict.trials)


def test_where_no_form_passes_nothing_is_chosen_and_the_nearest_is_named() -> None:
    net = hurt_net()
    plan = GatePlan(metric="auc", max_drop=0.001, forms=("int8-static", "int8-dynamic"))
    verdict = run_gate(net.model, rows_of(net), plan)
    assert verdict.chosen is None
    assert "no form keeps auc within 0.001 of" in verdict.refusal
    assert "allow more by --max-drop, or other forms by --forms" in verdict.refusal


def test_float32_is_left_as_it_is_to_the_bit() -> None:
    net = hurt_net()
    plan = GatePlan(metric="auc", max_drop=0, forms=("int8-static", "fp32"))
    verdict = run_gate(net.model, rows_of(net), plan)
    assert verdict.chosen is not None and verdict.chosen.form == "fp32"
    assert verdict.chosen.model.content == net.model.content


def test_the_fastest_that_passes_is_kept_and_equals_go_by_rank() -> None:
    net = cancer_net()
    cost = {pb.Dense.FP32: 0.5, pb.Dense.BF16: 0.2, pb.Dense.S8: 0.4, pb.Dense.U4: 0.201}

    def measure(model: CompiledModel, inputs: Mapping[str, Array]) -> dict[int, float]:
        assert inputs["x"].shape[1:] == (30,)
        return {1: cost[forms_of(model)[0]]}

    plan = GatePlan(metric="auc", max_drop=1)
    verdict = run_gate(net.model, rows_of(net), plan, measure=measure)
    assert verdict.chosen is not None and verdict.chosen.form == "int4"
    cost[pb.Dense.S8] = 0.1
    verdict = run_gate(net.model, rows_of(net), plan, measure=measure)
    assert verdict.chosen is not None and verdict.chosen.form == "int8-static"
    assert not any("measured" in note for note in verdict.notes)


def test_few_rows_do_both_and_it_is_said() -> None:
    net = cancer_net()
    rows = rows_of(net).take(np.arange(8, 28))
    verdict = run_gate(net.model, rows, GatePlan(metric="accuracy"))
    assert (verdict.rows_calibrated, verdict.rows_judged) == (20, 20)
    assert verdict.notes[0] == "20 rows are few: the same calibrated and judged. Give more."
    assert verdict.notes[1].startswith("One row of 20 weighs more than --max-drop 0.001")


def test_the_evidence_is_in_the_file_and_tells_what_was_tried() -> None:
    verdict = judged("hurt")
    assert verdict.chosen is not None
    text = evidence_json(verdict, data_name="rows.parquet", machine="a machine")
    model = with_evidence(verdict.chosen.model, text)
    read: dict[str, Any] = json.loads(model.manifest.evidence)
    assert read["kind"] == "quantization"
    assert (read["chosen"], read["metric"], read["max_drop"]) == ("mixed", "auc", 0.001)
    assert [form["form"] for form in read["forms"]] == list(FORMS)
    assert [form["passes"] for form in read["forms"]] == [False, False, True, False, True, True]
    assert read["forms"][5]["layers"][0]["own_sqnr_db"] is None
    assert evidence_line(text) == (
        f"quantised as mixed: auc {verdict.chosen.score:.6g}, was {verdict.baseline:.6g}; "
        "0.001 worse allowed; 142 rows of rows.parquet"
    )
    x = {"x": hurt_net().x[:5]}
    before, after = evaluate(verdict.chosen.model, x), evaluate(model, x)
    assert np.array_equal(before["y"], after["y"])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": "quantization"}', "nonsense", "1"])
def test_other_evidence_has_no_line(text: str) -> None:
    assert evidence_line(text) == ""


def test_rows_of_nan_are_refused_by_input_and_an_overflow_by_layer() -> None:
    net = cancer_net()
    bad = net.x.copy()
    bad[5, 3] = np.nan
    with pytest.raises(QuantizeError, match=r"input 'x' holds NaN or infinity, .* layer 'fc1'"):
        run_gate(net.model, Rows(inputs={"x": bad}), GatePlan())
    with pytest.raises(QuantizeError, match=r"layer 'fc1' reads .* in 142 of 142 rows: the model"):
        run_gate(net.model, Rows(inputs={"x": np.full_like(bad, 3e38)}), GatePlan())


def test_a_plan_of_unknown_words_is_refused() -> None:
    good: dict[str, Any] = {"metric": "auc", "max_drop": 0, "output": "", "forms": "", "rows": 1}
    assert plan_of(**good).forms == FORMS
    assert plan_of(**{**good, "forms": "bf16, int8-static"}).forms == ("int8-static", "bf16")
    cases: list[tuple[dict[str, Any], str]] = [
        ({"metric": "aux"}, "metric 'aux' is not known"),
        ({"max_drop": -1}, "drop is -1: wanted 0 or more"),
        ({"max_drop": float("nan")}, "wanted 0 or more"),
        ({"forms": "int7"}, "wanted some of int8-static, .*; found int7"),
    ]
    for changed, message in cases:
        with pytest.raises(QuantizeError, match=message):
            plan_of(**{**good, **changed})


def test_the_picture_is_one_svg_that_needs_nothing_else() -> None:
    for verdict in (judged("cancer"), judged("hurt")):
        text = draw(verdict, "a <model>")
        root = ElementTree.fromstring(text)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        said = " ".join(root.itertext())
        assert "a <model>" in said
        assert all(trial.form in said for trial in verdict.trials)
        assert "href" not in text and "url(" not in text and "<script" not in text
