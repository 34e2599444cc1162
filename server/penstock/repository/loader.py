# SPDX-License-Identifier: Apache-2.0
"""Loads what a repository holds, several models at a time, each for itself.

A model that fails is told to the engine and to the log, and stops no other. Runs in worker threads:
reading a model and warming it may take seconds.
"""

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from penstock.backends.isolation import worker_launch
from penstock.backends.python_class import python_executes
from penstock.backends.triton.auto_complete import self_completed
from penstock.config import ServerOptions
from penstock.engine import Engine, LoadedVersion
from penstock.errors import PenstockError
from penstock.repository.completed import completed_config
from penstock.repository.config_file import ModelConfig, WrittenConfig, read_config
from penstock.repository.instances import Machine
from penstock.repository.layout import FoundModel
from penstock.repository.onnxruntime import ignored_parameters
from penstock.repository.plan import ModelPlan
from penstock.repository.support import ignored_fields, refuse_unsupported
from penstock.repository.translate import translate
from penstock.repository.versions import wanted_versions

__all__ = ["LoadReport", "load_models"]

log = logging.getLogger(__name__)

#: Why a version that was found is not ready yet.
LOADING = "it is being loaded"

#: What a model's files and code can cause; anything else is a bug of ours.
_LOAD_ERRORS = (PenstockError, OSError, MemoryError)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """What became of one version of one model: `loaded`, or the `reason` why not."""

    name: str
    version: int
    seconds: float
    backend: str = ""
    loaded: LoadedVersion | None = None
    config: ModelConfig | None = None  # completed; of a version that was loaded
    reason: str = ""


def load_models(
    models: Sequence[FoundModel], engine: Engine, options: ServerOptions, machine: Machine
) -> list[LoadReport]:
    """Loads every wanted version of `models`; blocks until each was tried."""

    def load(model: FoundModel) -> list[LoadReport]:
        return _load_model(model, engine, options, machine)

    # Before any takes its turn: "no such model" would be taken for the caller's own mistake.
    for model in models:
        if model.versions:
            engine.set_failed(model.name, model.versions[-1], LOADING)
    with ThreadPoolExecutor(options.model_load_thread_count, "penstock-load") as pool:
        return [report for reports in pool.map(load, models) for report in reports]


def _load_model(
    model: FoundModel, engine: Engine, options: ServerOptions, machine: Machine
) -> list[LoadReport]:
    try:
        written = read_config(model)
        refuse_unsupported(written.config)
        versions = wanted_versions(model.versions, written.config.version_policy)
    except _LOAD_ERRORS as error:
        version = model.versions[-1] if model.versions else 1
        return [_failed(engine, model.name, version, error, seconds=0.0)]
    if model.versions[-1] not in versions:
        engine.unload(model.name, model.versions[-1])
    _warn_of_ignored(model, written)
    return [_load_version(model, v, written, engine, options, machine) for v in versions]


def _load_version(
    model: FoundModel,
    version: int,
    written: WrittenConfig,
    engine: Engine,
    options: ServerOptions,
    machine: Machine,
) -> LoadReport:
    started = time.monotonic()
    engine.set_failed(model.name, version, LOADING)
    try:
        if options.is_completing_configs:
            written = self_completed(model, version, written)
        plan = _plan(model, version, written, options, machine)
        loaded = _loaded(plan, written, engine, options, started)
    except _LOAD_ERRORS as error:
        return _failed(engine, model.name, version, error, time.monotonic() - started)
    seconds = time.monotonic() - started
    log.info(
        "model_loaded",
        extra={
            "model": model.name,
            "version": version,
            "backend": plan.backend,
            "lane": loaded.lane,
            "seconds": round(seconds, 3),
        },
    )
    return LoadReport(
        name=model.name,
        version=version,
        seconds=seconds,
        backend=plan.backend,
        loaded=loaded,
        config=completed_config(written, plan, loaded),
    )


def _loaded(
    plan: ModelPlan, written: WrittenConfig, engine: Engine, options: ServerOptions, began: float
) -> LoadedVersion:
    if plan.isolation is not None:  # its code is not to run here
        worker = worker_launch(
            plan, written.config, log_format=options.log_format, log_file=options.log_file
        )
        return engine.load(plan, worker=worker, began=began)
    if plan.backend == "python":
        return engine.load(plan, python_executes(plan, written.config), began=began)
    return engine.load(plan, began=began)


def _plan(
    model: FoundModel,
    version: int,
    written: WrittenConfig,
    options: ServerOptions,
    machine: Machine,
) -> ModelPlan:
    files = frozenset(entry.name for entry in model.version_folder(version).iterdir())
    return translate(
        model,
        version,
        written,
        files=files,
        machine=machine,
        batch_rows_default=options.batch_rows_default("onnxruntime"),
        is_completing=options.is_completing_configs,
    )


def _failed(
    engine: Engine, name: str, version: int, error: Exception, seconds: float
) -> LoadReport:
    reason = str(error) or type(error).__name__
    log.error("model_failed_to_load", extra={"model": name, "version": version, "reason": reason})
    engine.set_failed(name, version, reason)
    return LoadReport(name=name, version=version, seconds=seconds, reason=reason)


def _warn_of_ignored(model: FoundModel, written: WrittenConfig) -> None:
    ignored = ignored_fields(written.config)
    if written.config.backend not in ("python", "identity"):
        ignored += ignored_parameters(written.config)
    if ignored:
        log.warning(
            "model_config_fields_ignored", extra={"model": model.name, "fields": ", ".join(ignored)}
        )
