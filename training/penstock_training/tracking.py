# SPDX-License-Identifier: Apache-2.0
"""What a pipeline's run leaves in MLflow: parameters, metrics, digests, and a nested run per trial.

A run is known by the digest of its package: one that has finished is not made again, and one that
was killed is ended as KILLED before another begins.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from penstock.registry import RegistryPlace, registry_place
from penstock.registry.place import check_reachable
from penstock.registry.registry import DIGEST_TAG, Registry
from penstock_training.package.lineage import without_secrets
from penstock_training.spec import PipelineSpec

__all__ = ["TrackedRun", "check_registry", "registry_of", "run_told", "track", "trials_told"]

#: Nested runs, of the best trials; a search of more tells the others in trials.json alone.
TRIALS_MAX = 500
#: What MLflow takes at a time, and of a value.
_PARAMETERS_AT_ONCE = 100
_METRICS_AT_ONCE = 1000
_VALUE_CHARACTERS_MAX = 500
#: Tags that MLflow's own pages read.
_PARENT = "mlflow.parentRunId"
_RUN_NAME = "mlflow.runName"
_COMMIT = "mlflow.source.git.commit"
_FINISHED, _KILLED, _FAILED = "FINISHED", "KILLED", "FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedRun:
    """What a run says. Values are text, as MLflow keeps them."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    status: str = _FINISHED

    def with_tags(self, tags: Mapping[str, str]) -> "TrackedRun":
        """The same, with further tags."""
        return replace(self, tags={**self.tags, **tags})


def registry_of(spec: PipelineSpec) -> RegistryPlace:
    """Where `spec` registers: what it names, or mlflow.db beside it.

    Raises:
        RegistryError: it names what is no registry.
    """
    return registry_place(spec.registry.uri or "sqlite:///mlflow.db", folder=spec.folder)


def check_registry(spec: PipelineSpec) -> None:
    """Raise RegistryError unless the registry can be used now. Light: MLflow is not imported."""
    check_reachable(registry_of(spec), creates=True)


def run_told(
    spec: PipelineSpec,
    *,
    selection: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    timings: Mapping[str, Any],
    lineage: Mapping[str, Any],
) -> TrackedRun:
    """What the run of a pipeline says, of what its steps have written. Pure."""
    parameters: dict[str, Any] = {
        "family": selection.get("family"),
        "seed": spec.seed,
        "spec_digest": lineage.get("spec_digest"),
        "target": spec.problem.target,
        "task": spec.problem.task,
        "threads": spec.threads,
        "trials": spec.search.trials,
    }
    for key, value in (selection.get("parameters") or {}).items():
        parameters[f"model.{key}"] = value
    for key in ("kind", "digest", "rows"):
        parameters[f"data.{key}"] = (lineage.get("data") or {}).get(key)
    metrics: dict[str, float] = {}
    for name, estimate in (evaluation.get("metrics") or {}).items():
        found = estimate if isinstance(estimate, Mapping) else {"value": estimate}
        for part, ending in (("value", ""), ("low", "_low"), ("high", "_high")):
            _put(metrics, f"{name}{ending}", found.get(part))
    _put(metrics, "validation_score", selection.get("score"))
    for name, value in (timings.get("latency") or {}).items():
        _put(metrics, f"latency.{name}", value)
    commit = (lineage.get("code") or {}).get("commit")
    return TrackedRun(
        name=spec.name,
        parameters={key: _text(value) for key, value in parameters.items() if value is not None},
        metrics=metrics,
        tags={
            "penstock.data.digest": _text((lineage.get("data") or {}).get("digest") or ""),
            **({_COMMIT: commit} if commit else {}),
        },
    )


def trials_told(trials: Sequence[Mapping[str, Any]]) -> list[TrackedRun]:
    """What the nested runs say: of each trial, or of the TRIALS_MAX first. Pure."""
    told = []
    for trial in islice(trials, TRIALS_MAX):
        state = str(trial.get("state", "")).lower()
        metrics: dict[str, float] = {}
        _put(metrics, "score", trial.get("score"))
        told.append(
            TrackedRun(
                name=f"{trial.get('family')}-{trial.get('number')}",
                parameters={
                    "family": _text(trial.get("family")),
                    **{key: _text(value) for key, value in (trial.get("parameters") or {}).items()},
                },
                metrics=metrics,
                tags={"penstock.trial.state": state},
                status=_KILLED if state == "pruned" else _FAILED if "fail" in state else _FINISHED,
            )
        )
    return told


def track(
    registry: Registry,
    experiment: str,
    digest: str,
    told: TrackedRun,
    trials: Sequence[TrackedRun] = (),
    reports: Sequence[Path] = (),
) -> str:
    """The id of the run of the package with this digest, which is made if it has not finished.

    `reports`: files that become artifacts below `report`.

    Raises:
        RegistryError: the registry refuses. The run is then FAILED.
    """
    client, asked = registry.client, registry.asked
    with registry.locked():
        where = _experiment(registry, experiment)
        for found in _runs(registry, where, f"tags.`{DIGEST_TAG}` = '{digest}'"):
            if found.info.status == _FINISHED:
                # The verdict of a latency may be another one by now.
                for key, value in told.tags.items():
                    if found.data.tags.get(key) != value:
                        asked(client.set_tag, found.info.run_id, key, value)
                return str(found.info.run_id)
            if found.info.status == "RUNNING":
                for child in _runs(registry, where, f"tags.`{_PARENT}` = '{found.info.run_id}'"):
                    if child.info.status == "RUNNING":
                        asked(client.set_terminated, child.info.run_id, _KILLED)
                asked(client.set_terminated, found.info.run_id, _KILLED)
        run_id = _begin(registry, where, told, {DIGEST_TAG: digest})
        try:
            for trial in trials:
                nested = _begin(registry, where, trial, {_PARENT: run_id})
                asked(client.set_terminated, nested, trial.status)
            for report in reports:
                asked(client.log_artifact, run_id, str(report), "report")
        except BaseException:
            asked(client.set_terminated, run_id, _FAILED)
            raise
        asked(client.set_terminated, run_id, told.status)
        return run_id


def _experiment(registry: Registry, name: str) -> str:
    client, asked = registry.client, registry.asked
    found = asked(client.get_experiment_by_name, name)
    if found is not None:
        return str(found.experiment_id)
    artifacts = registry.place.artifacts
    location = (artifacts / name).as_uri() if artifacts else None
    return str(asked(client.create_experiment, name, artifact_location=location))


def _runs(registry: Registry, experiment: str, wanted: str) -> Iterator[Any]:
    token: str | None = None
    while True:
        page = registry.asked(
            registry.client.search_runs, [experiment], filter_string=wanted, page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def _begin(registry: Registry, experiment: str, told: TrackedRun, tags: Mapping[str, str]) -> str:
    """Make a run that says all of this, and is running."""
    from mlflow.entities import Metric, Param

    client, asked = registry.client, registry.asked
    all_tags = {**told.tags, **tags, _RUN_NAME: told.name}
    run = asked(client.create_run, experiment, tags=all_tags, run_name=told.name)
    run_id, now = str(run.info.run_id), int(run.info.start_time)
    metrics = [Metric(name, value, now, 0) for name, value in sorted(told.metrics.items())]
    parameters = [Param(name, value) for name, value in sorted(told.parameters.items())]
    for at in range(0, len(metrics), _METRICS_AT_ONCE):
        asked(client.log_batch, run_id, metrics=metrics[at : at + _METRICS_AT_ONCE])
    for at in range(0, len(parameters), _PARAMETERS_AT_ONCE):
        asked(client.log_batch, run_id, params=parameters[at : at + _PARAMETERS_AT_ONCE])
    return run_id


def _put(metrics: dict[str, float], name: str, value: Any) -> None:
    if isinstance(value, int | float) and not isinstance(value, bool) and value == value:
        metrics[name] = float(value)


def _text(value: Any) -> str:
    return str(without_secrets(str(value)))[:_VALUE_CHARACTERS_MAX]
