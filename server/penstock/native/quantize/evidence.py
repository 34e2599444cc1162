# SPDX-License-Identifier: Apache-2.0
"""What was tried and chosen, as the JSON in Artifact.evidence, which docs/quantize.md describes."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from penstock.native.artifact import ArtifactBuilder, CompiledModel
from penstock.native.quantize.evidence_line import KIND
from penstock.native.quantize.gate import Verdict
from penstock.native.quantize.trials import Trial

__all__ = ["evidence_json", "machine_name", "with_evidence"]


def evidence_json(verdict: Verdict, *, data_name: str, machine: str) -> str:
    """The evidence for a verdict with something chosen."""
    plan, chosen = verdict.plan, verdict.chosen
    return json.dumps(
        {
            "kind": KIND,
            "chosen": chosen.form if chosen else None,
            "metric": plan.metric,
            "max_drop": plan.max_drop,
            "baseline": verdict.baseline,
            "output": verdict.output,
            "data": data_name,
            "label": verdict.label_name,
            "rows_calibrated": verdict.rows_calibrated,
            "rows_judged": verdict.rows_judged,
            "rows_are_shared": verdict.rows_are_shared,
            "machine": machine,
            "latency_rows": plan.rows,
            "forms": [_form(trial) for trial in verdict.trials],
            "skipped": verdict.skipped,
            "notes": verdict.notes,
        },
        allow_nan=False,
    )


def _form(trial: Trial) -> dict[str, Any]:
    return {
        "form": trial.form,
        "metric": trial.score,
        "drop": trial.drop,
        "passes": trial.passes,
        "bytes": trial.file_bytes,
        "latency_us": {str(rows): one for rows, one in sorted(trial.latency_us.items())},
        "note": trial.note,
        "layers": [asdict(layer) for layer in trial.layers],
    }


def with_evidence(model: CompiledModel, evidence: str) -> CompiledModel:
    """The same model, with evidence in its manifest."""
    builder = ArtifactBuilder.of_ports(model)
    for step in model.manifest.steps:
        builder.adopt(step, model)
    return builder.finish(evidence=evidence)


def machine_name() -> str:
    """The processor's own name, as Linux says it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return ""
