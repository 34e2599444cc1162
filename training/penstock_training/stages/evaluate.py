# SPDX-License-Identifier: Apache-2.0
"""evaluate: the chosen model on the test part.

It reads test.parquet, features.json, model.onnx and signature.json, and writes evaluation.json,
predictions.parquet and pictures; and, because a machine's speed is nobody's digest, timings.json
with the latency and the verdict on it.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from penstock.digests import digest_of_file
from penstock_training.evaluate.champion import (
    champion_file,
    champion_predictions,
    compare,
    predictions_table,
)
from penstock_training.evaluate.latency import measure
from penstock_training.evaluate.pictures import draw
from penstock_training.evaluate.report import evaluate, plain
from penstock_training.evaluate.subject import Subject, read_subject
from penstock_training.evaluate.verdict import Verdict, judge_latency
from penstock_training.files import read_json, write_json
from penstock_training.spec import PipelineSpec
from penstock_training.steps import Step, StepRun

__all__ = ["STEP", "reasons_against"]


def _settings(spec: PipelineSpec) -> Any:
    return {
        "evaluate": spec.evaluate.model_dump(mode="json"),
        "problem": spec.problem.model_dump(mode="json"),
        "sensitive": spec.features.sensitive,
        "seed": spec.seed,
        "threads": spec.threads,
        "backend": spec.package.backend,
    }


def _champion_path(spec: PipelineSpec) -> Path | None:
    return spec.folder / spec.evaluate.champion if spec.evaluate.champion else None


def _reads(spec: PipelineSpec) -> Any:
    path = _champion_path(spec)
    if path is None:
        return None
    file = champion_file(path)
    signature = file.parent / "signature.json"
    files = [file, signature] if file.suffix == ".onnx" and signature.is_file() else [file]
    return [digest_of_file(one) for one in files]


def _run(run: StepRun) -> None:
    subject = read_subject(run.spec, run.inputs, part="test")
    predictions = subject.predictions()
    champion = None
    if (path := _champion_path(run.spec)) is not None:
        champion = compare(
            run.spec.problem.metric,
            predictions,
            champion_predictions(path, subject),
            resamples=run.spec.evaluate.bootstrap,
            confidence=run.spec.evaluate.confidence,
            seed=run.spec.seed,
        )
    evaluation = evaluate(
        subject,
        predictions,
        champion,
        lambda done, total: run.progress.count("evaluate", done, total),
    )
    write_json(run.folder / "evaluation.json", evaluation.content(subject))
    table = predictions_table(subject, predictions)
    table.to_parquet(run.folder / "predictions.parquet", index=False)
    draw(evaluation, run.folder)
    verdict = _time(run, subject)
    for reason in [*evaluation.verdict.reasons, *verdict.reasons]:
        run.note("evaluate", reason)


def _time(run: StepRun, subject: Subject) -> Verdict:
    """Write timings.json: what the model costs on this machine, or why that is not known."""
    from penstock.errors import EngineError

    problem = run.spec.problem
    may_compile = run.spec.package.backend == "auto"
    try:
        latency = measure(
            subject.model_path, subject.rows, subject.model.inputs, may_compile=may_compile
        )
    except EngineError as error:
        verdict = judge_latency(problem, float("nan"))
        content = {"latency": None, "reason": str(error), "verdict": verdict.content()}
    else:
        verdict = judge_latency(problem, latency.row_us_median)
        content = {"latency": asdict(latency), "reason": "", "verdict": verdict.content()}
    write_json(run.folder / "timings.json", plain(content))
    return verdict


def reasons_against(folder: Path) -> list[str]:
    """Why the model that the step in `folder` evaluated must not be registered; none: it may.

    Raises:
        TrainingError: the step has not written its files.
    """
    evaluation = read_json(folder / "evaluation.json")
    timings = read_json(folder / "timings.json")
    return [*evaluation["verdict"]["reasons"], *timings["verdict"]["reasons"]]


STEP = Step(
    name="evaluate",
    revision=2,
    needs=("split", "features", "select"),
    run=_run,
    settings=_settings,
    reads=_reads,
)
