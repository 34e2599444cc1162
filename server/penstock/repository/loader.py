# SPDX-License-Identifier: Apache-2.0
"""The blocking steps of a load: reading a model's folder, and loading one version of it.

Each runs in a worker thread, for reading a model and warming it may take seconds. A version that
fails is told to the log and, unless another of its name and number is serving, to the engine.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from penstock.backends.isolation import worker_launch
from penstock.backends.python_class import python_executes
from penstock.backends.triton.auto_complete import self_completed
from penstock.config import ServerOptions
from penstock.engine import Engine, LoadedVersion, UnservedVersion
from penstock.errors import PenstockError, RepositoryError
from penstock.package.placing import version_config
from penstock.package.smoke_plan import smoke_plan
from penstock.plain_text import sayable
from penstock.repository.compilation import (
    LeftToOnnxRuntime,
    compiled,
    left_to_onnxruntime,
    with_parts,
    with_reason,
)
from penstock.repository.completed import completed_config
from penstock.repository.config_file import ModelConfig, WrittenConfig, read_config
from penstock.repository.instances import Machine
from penstock.repository.layout import FoundModel
from penstock.repository.load_failures import LoadFailures, failure_reason
from penstock.repository.onnxruntime import ignored_parameters
from penstock.repository.parameters import choice
from penstock.repository.plan import ModelPlan, SmokePlan
from penstock.repository.quantization import with_quantization
from penstock.repository.snapshot import ModelSnapshot
from penstock.repository.support import ignored_fields, refuse_unsupported
from penstock.repository.translate import LOAD_KEY, LOAD_MODES, backend_name, translate
from penstock.repository.versions import missing_versions, wanted_versions

__all__ = ["BeforeServed", "Examined", "LOADING", "LOAD_ERRORS", "LoadReport", "ModelLoader"]

log = logging.getLogger(__name__)

#: Why a version that was found is not ready yet.
LOADING = "it is being loaded"

#: Is called with a version that is loaded; no request reaches it before the call returns.
BeforeServed = Callable[[LoadedVersion, UnservedVersion], object]

#: What a model's files and code can cause; anything else is a bug of ours.
LOAD_ERRORS = (PenstockError, OSError, MemoryError)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A model as it was found: its configuration, the versions to serve, and its files."""

    model: FoundModel
    written: WrittenConfig
    wanted: tuple[int, ...]
    snapshot: ModelSnapshot
    is_lazy: bool = False  # its versions sleep until a request asks for them
    is_overridden: bool = False  # a client sent the configuration

    def file_bytes(self, version: int) -> int:
        """The size of the files of `version`."""
        return sum(mark.size for mark in self.snapshot.versions.get(version, {}).values())


class ModelLoader:
    """Loads into `engine`. Every method blocks, and may be called from any thread.

    `failures` counts what failed.
    """

    def __init__(self, engine: Engine, options: ServerOptions, machine: Machine) -> None:
        self._engine = engine
        self._options = options
        self._machine = machine
        self.failures = LoadFailures()

    def examine(
        self, model: FoundModel, snapshot: ModelSnapshot, written: WrittenConfig | None = None
    ) -> Examined:
        """Reads the folder of `model`, of which `snapshot` was taken before.

        `written` stands in for its configuration. Raises one of LOAD_ERRORS if the configuration is
        wrong, or wants no version that exists.
        """
        is_overridden = written is not None
        written = written or read_config(model)
        refuse_unsupported(written.config)
        policy = written.config.version_policy
        wanted = wanted_versions(model.versions, policy)
        if missing := missing_versions(model.versions, policy):
            log.error("model_versions_missing", extra={"model": model.name, "versions": missing})
        _warn_of_ignored(model, written, wanted[-1])
        mode = choice(
            written.config.parameters, LOAD_KEY, LOAD_MODES, default=self._options.model_load_mode
        )
        return Examined(
            model=model,
            written=written,
            wanted=tuple(wanted),
            snapshot=snapshot,
            is_lazy=mode == "lazy",
            is_overridden=is_overridden,
        )

    def load(
        self,
        examined: Examined,
        version: int,
        *,
        is_serving: bool,
        before_served: BeforeServed | None = None,
    ) -> LoadReport:
        """Loads one version; while it does, one that `is_serving` goes on to.

        Tries as often again as the options say, at once: what may pass is a file that was being
        written, or memory that was short.
        """
        model = examined.model
        started = time.monotonic()
        for retries_left in reversed(range(self._options.model_load_retry_count + 1)):
            try:
                plan, loaded, config = self._attempt(examined, version, before_served)
            except LOAD_ERRORS as error:
                if retries_left == 0:
                    seconds = time.monotonic() - started
                    return self.failed(
                        model.name, version, error, seconds=seconds, is_serving=is_serving
                    )
                log.warning(
                    "model_load_is_retried",
                    extra={
                        "model": model.name,
                        "version": version,
                        "reason": _reason(error),
                        "retries_left": retries_left,
                    },
                )
            else:
                break
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
            config=config,
        )

    def _attempt(
        self, examined: Examined, version: int, before_served: BeforeServed | None
    ) -> tuple[ModelPlan, LoadedVersion, ModelConfig]:
        """One attempt to load, from the files on. Raises one of LOAD_ERRORS."""
        model, written, options = examined.model, examined.written, self._options
        began = time.monotonic()

        def load(plan: ModelPlan, written: WrittenConfig) -> LoadedVersion:
            return _loaded(plan, written, self._engine, options, began, before_served)

        own = version_config(
            model,
            version,
            public_keys=options.public_keys,
            requires_signature=options.requires_signatures,
        )
        if own is not None:
            written = replace(written, folder=own.folder) if examined.is_overridden else own
        if options.is_completing_configs:
            written = self_completed(model, version, written)
        smoke = smoke_plan(model.version_folder(version)) if own is not None else None
        plan = _plan(model, version, written, options, self._machine, smoke)
        try:
            with compiled(plan) as ready:
                loaded = load(ready, written)
        except LeftToOnnxRuntime as left:
            written = left_to_onnxruntime(written)
            plan = with_reason(_plan(model, version, written, options, self._machine, smoke), left)
            loaded = load(plan, written)
        return plan, loaded, completed_config(written, plan, loaded)

    def failed(
        self,
        name: str,
        version: int,
        error: Exception | str,
        *,
        seconds: float = 0.0,
        is_serving: bool = False,
    ) -> LoadReport:
        """Tells of a version that could not be loaded."""
        reason = _reason(error)
        log.error(
            "model_failed_to_load", extra={"model": name, "version": version, "reason": reason}
        )
        self.failures.count(name, failure_reason(error))
        if not is_serving:
            self._engine.set_failed(name, version, reason)
        return LoadReport(name=name, version=version, seconds=seconds, reason=reason)


def _reason(error: Exception | str) -> str:
    return sayable(str(error)) or type(error).__name__


def _loaded(
    plan: ModelPlan,
    written: WrittenConfig,
    engine: Engine,
    options: ServerOptions,
    began: float,
    before_served: BeforeServed | None,
) -> LoadedVersion:
    if plan.isolation is not None:  # its code is not to run here
        worker = worker_launch(
            plan, written.config, log_format=options.log_format, log_file=options.log_file
        )
        return engine.load(plan, worker=worker, began=began, before_served=before_served)
    executes = python_executes(plan, written.config) if plan.backend == "python" else ()
    return engine.load(plan, executes, began=began, before_served=before_served)


def _plan(
    model: FoundModel,
    version: int,
    written: WrittenConfig,
    options: ServerOptions,
    machine: Machine,
    smoke: SmokePlan | None,
) -> ModelPlan:
    files = _file_names(model, version)
    plan = translate(
        model,
        version,
        written,
        files=files,
        machine=machine,
        batch_rows_default=options.batch_rows_default(backend_name(written.config, files)),
        is_completing=options.is_completing_configs,
    )
    plan = replace(plan, smoke=smoke)
    return with_parts(with_quantization(plan)) if plan.backend == "native" else plan


def _file_names(model: FoundModel, version: int) -> frozenset[str]:
    return frozenset(entry.name for entry in model.version_folder(version).iterdir())


def _warn_of_ignored(model: FoundModel, written: WrittenConfig, version: int) -> None:
    ignored = ignored_fields(written.config)
    with suppress(RepositoryError):  # a load says what is wrong
        if backend_name(written.config, _file_names(model, version)) == "onnxruntime":
            ignored += ignored_parameters(written.config)
    if ignored:
        log.warning(
            "model_config_fields_ignored", extra={"model": model.name, "fields": ", ".join(ignored)}
        )
