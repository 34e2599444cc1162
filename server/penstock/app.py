# SPDX-License-Identifier: Apache-2.0
"""The parts list of a server: makes each object, hands it its friends, and ends them in order."""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console

from penstock.backends.onnxruntime_library import find_machine, find_onnxruntime
from penstock.config import ServerOptions
from penstock.control.application import ControlApplication
from penstock.control.grpc_methods import add_control_methods
from penstock.control.log_settings import LogSettings
from penstock.control.rest_application import RestControl
from penstock.control.trace_settings import TraceSettings
from penstock.drift.controller import DriftController
from penstock.drift.counting import EngineWatches
from penstock.drift.entry import find_monitors
from penstock.drift.judge import Judge
from penstock.drift.kept import open_kept
from penstock.drift.metrics import DriftMetrics
from penstock.drift.process import MonitorProcess
from penstock.engine import Engine, isa
from penstock.errors import OptionsError, PenstockError, RepositoryError
from penstock.hosting import ServiceHost, register_services
from penstock.hosting.reflection import add_reflection
from penstock.logs import LogOutput
from penstock.metrics import ServerMetrics
from penstock.metrics_server import MetricsServer, listening_socket
from penstock.open_files import allow_open_files
from penstock.package.placing import named_packages
from penstock.registry.place import registry_place
from penstock.registry.process import RegistryProcess
from penstock.repository.controller import RepositoryController
from penstock.repository.followed_rollouts import FollowedRollouts
from penstock.repository.follower import RegistryFollower
from penstock.repository.layout import survey
from penstock.repository.loader import LoadReport
from penstock.repository.rolled_models import RolledModels
from penstock.repository.startup import models_at_start
from penstock.rollout.controller import RolloutController
from penstock.rollout.force_keys import read_force_keys
from penstock.rollout.metrics import RolloutMetrics
from penstock.rollout.record import Record
from penstock.rollout.route_metrics import RouteMetrics
from penstock.rollout.served_routes import ServedRoutes
from penstock.rollout.standing import Standing
from penstock.rollout.store import SqliteStore
from penstock.rollout.surroundings import (
    ServedChampion,
    ServedTraffic,
    ServedVersions,
    SystemClock,
)
from penstock.shared_memory import SharedMemory
from penstock.standard_streams import flush_or_forget, open_closed
from penstock.startup_report import Listening, print_startup
from penstock.statistics import EngineStatistics
from penstock.traffic import EngineTraffic

__all__ = ["serve"]

log = logging.getLogger(__name__)

#: Descriptors for models' files, event loops, metrics and whatever a model's code opens.
FILES_BESIDE_CONNECTIONS = 1024


def serve(options: ServerOptions, console: Console, log_output: LogOutput) -> None:
    """Serves until SIGTERM or SIGINT has drained the server.

    Raises PenstockError if it cannot start: no repository, a taken port, or with exit_on_error a
    model that fails to load.
    """
    if not (options.model_repository or options.package or options.registry):
        raise OptionsError(
            "There is no model repository: give --model-repository DIR, --package DIR or "
            "--registry URI, or model_repository in the configuration file."
        )
    if not (options.allow_grpc or options.allow_http):
        raise OptionsError(
            "Nothing would be served: --allow-grpc and --allow-http are both false; leave one on."
        )
    open_closed()
    _make_room(options)
    # Now, for a wrong flag or folder is to be told before anything starts.
    found = survey(options.repositories)
    names = sorted({*found.names, *named_packages(options.package)})
    models_at_start(options.model_control_mode, options.load_model, names)
    # Kept until the loop has ended: the engine's exit timeout then also bounds what the loop waits
    # for, such as threads of a service that never return.
    server = _Server(options, console, log_output)
    uvloop.run(server.run())
    # A model's own prints may have found a full disk.
    flush_or_forget(sys.stdout)
    flush_or_forget(sys.stderr)


def _make_room(options: ServerOptions) -> None:
    wanted = options.connections_max + FILES_BESIDE_CONNECTIONS
    if options.allow_client_shm:
        wanted += options.client_shm_regions_max
    allowed = allow_open_files(wanted)
    if allowed < wanted:
        log.warning(
            "open_files_few",
            extra={
                "allowed": allowed,
                "wanted": wanted,
                "mend": "raise the hard limit (ulimit -Hn, LimitNOFILE) or lower connections_max",
            },
        )


class _Server:
    """The life of one server, on the control thread's event loop."""

    def __init__(self, options: ServerOptions, console: Console, log_output: LogOutput) -> None:
        self._options = options
        self._console = console
        self._library = find_onnxruntime()
        self._engine = Engine(options, self._library)
        self._traffic = EngineTraffic(
            self._engine.traffic, read_force_keys(options.route_force_key)
        )
        store = SqliteStore(Path(options.state_dir) if options.state_dir else None)
        records = store.records()
        self._standing = Standing(self._traffic, records, start=self._begin_rollout)
        self._drift = _monitoring(options, self._engine)
        self._repository = RepositoryController(
            self._engine, options, find_machine(self._library), self._standing, self._drift
        )
        models = RolledModels(self._repository)
        self._follower = _follower(options, self._repository, models, self._standing, records)
        registry = self._follower.rollouts if self._follower is not None else None
        self._rollouts = RolloutController(
            traffic=ServedTraffic(self._traffic, models, self._standing),
            versions=ServedVersions(models, self._standing, self._traffic.worker_restarts),
            champion=ServedChampion(models, self._standing, registry),
            store=store,
            clock=SystemClock(),
            spec_of=(registry or models).rollout_spec,
        )
        self._tasks: set[asyncio.Task[Any]] = set()
        self._metrics = ServerMetrics(self._engine.metrics_text, isa())
        self._metrics.add(self._repository.load_failures.text)
        self._control = ControlApplication(
            repository=self._repository,
            statistics=EngineStatistics(self._engine.statistics),
            shared_memory=SharedMemory(self._engine),
            logs=LogSettings(log_output),
            traces=TraceSettings(),
            rollouts=self._rollouts,
            routes=ServedRoutes(self._traffic, models),
            drift=self._drift,
        )
        if self._follower is not None:
            self._metrics.add(self._follower.metrics_text)
        self._http: MetricsServer | None = None
        self._services = ServiceHost(self._engine.bridge, options.grpc_service_thread_count)

    async def run(self) -> None:
        drained = asyncio.Event()
        try:
            # Metrics first: of two servers on one gRPC port, each still has its own metrics port.
            if self._options.allow_metrics:
                sock = listening_socket(self._options.metrics_host, self._options.metrics_port)
                self._http = MetricsServer(sock, self._metrics.text)
            add_reflection(self._services)
            add_control_methods(self._services, self._control)
            loop = asyncio.get_running_loop()
            self._metrics.add(RolloutMetrics(self._rollouts, loop).text)
            self._metrics.add(RouteMetrics(self._traffic, loop).text)
            if self._drift is not None:
                self._metrics.add(DriftMetrics(self._drift, loop).text)
            self._services.answer_rest(RestControl(self._control))
            await register_services(self._services, self._options.grpc_service)
            if self._follower is not None:
                self._follower.begin()
            await self._rollouts.remember()
            await self._repository.announce()
            self._engine.start()
            if self._drift is not None:
                self._spawn(self._drift.run())
            self._services.start()
            # After asyncio has set its own handler for SIGINT, which this one replaces.
            self._engine.install_signal_handlers()
            loop.add_reader(self._engine.drained_fd, drained.set)
            loop.add_reader(self._engine.log_fd, self._engine.pass_on_log)
            loop.add_reader(self._traffic.verdicts_fd, self._take_verdicts)
            if self._http is not None:
                self._http.start()
            await _first_of(self._load(), drained.wait())  # a drain waits for no model
            await drained.wait()
            loop.remove_reader(self._engine.drained_fd)
        finally:
            if self._follower is not None:
                await self._follower.stop()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._repository.stop()
            await self._rollouts.close()
            if self._drift is not None:
                await self._drift.close()
            if self._http is not None:
                await self._http.stop()
            await self._services.stop()
            await asyncio.to_thread(self._engine.stop)
            self._engine.pass_on_log()
        log.info("server_stopped")

    async def _load(self) -> None:
        if self._library is None:
            log.warning("onnxruntime_missing", extra={"mend": "pip install onnxruntime"})
        reports = await self._repository.start()
        if self._follower is not None:
            reports += await self._follower.follow_first()
        failed = [report for report in reports if report.loaded is None]
        if failed and self._options.exit_on_error:
            first = failed[0]
            raise RepositoryError(
                f"{len(failed)} of {len(reports)} models failed to load, and --exit-on-error is "
                f"set. {first.name}: {first.reason}"
            )
        await self._rollouts.restore()
        self._spawn(self._rollouts.run())
        self._repository.start_polling()
        if self._follower is not None:
            self._follower.start(self._rollouts)
        self._repository.when_changed(self._tell_ready)
        if not self._engine.is_draining:
            self._announce(reports, _process_age_s())

    # --- rollouts ---

    def _take_verdicts(self) -> None:
        self._traffic.clear_verdicts()
        self._rollouts.wake()

    def _begin_rollout(self, model: str, candidate: int) -> None:
        self._spawn(self._rollout(model, candidate))

    async def _rollout(self, model: str, candidate: int) -> None:
        try:
            await self._rollouts.start(model, candidate)
        except PenstockError as error:
            log.error(
                "rollout_not_begun",
                extra={"model": model, "version": candidate, "reason": str(error)},
            )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tell_ready(self) -> None:
        is_strict = self._options.strict_readiness
        self._engine.set_ready(not (is_strict and self._repository.has_failures))

    def _announce(self, reports: list[LoadReport], seconds: float) -> None:
        options = self._options
        grpc, rest = self._engine.grpc_port, self._engine.rest_port
        listening = Listening(
            grpc=_address(options.grpc_address, grpc) if grpc else "",
            rest=_address(options.http_address, rest) if rest else "",
            metrics=_address(options.metrics_host, self._http.port) if self._http else "",
        )
        log.info(
            "server_ready",
            extra={
                "grpc": listening.grpc,
                "rest": listening.rest,
                "metrics": listening.metrics,
                "io_threads": options.grpc_infer_thread_count,
                "isa": isa(),
                "seconds": round(seconds, 3),
            },
        )
        try:
            asleep = self._repository.asleep
            print_startup(self._console, reports, listening, seconds, asleep=asleep)
        except (OSError, SystemExit) as error:  # rich ends the program when nobody reads it
            reason = str(error) if isinstance(error, OSError) else "nobody reads standard output"
            log.warning("startup_not_printed", extra={"reason": reason})


def _follower(
    options: ServerOptions,
    repository: RepositoryController,
    models: RolledModels,
    standing: Standing,
    records: Sequence[Record],
) -> RegistryFollower | None:
    kept = repository.kept
    if kept is None:
        return None
    process = RegistryProcess(
        registry_place(options.registry, folder=Path.cwd()),
        allows_code=options.registry_allow_code,
    )
    return RegistryFollower(
        process,
        kept,
        repository,
        FollowedRollouts(process, kept, models, standing, records),
        alias=options.registry_alias,
        seconds=options.registry_poll_secs,
        bytes_max=options.model_repository_cache_bytes_max,
    )


def _monitoring(options: ServerOptions, engine: Engine) -> DriftController | None:
    if options.monitoring == "off":
        return None
    clock, judge = SystemClock(), None
    if find_monitors() is None:
        log.info("monitoring_not_judged", extra={"mend": "pip install 'penstock[monitoring]'"})
    else:
        judge = Judge(MonitorProcess(clock))
    kept = open_kept(Path(options.state_dir) if options.state_dir else None)
    return DriftController(EngineWatches(engine.drift), kept, judge, clock)


async def _first_of(work: Coroutine[Any, Any, None], end: Coroutine[Any, Any, Any]) -> None:
    """Does `work` until `end`; raises what it raises."""
    tasks = [asyncio.ensure_future(work), asyncio.ensure_future(end)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[0].done():
            tasks[0].result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _process_age_s() -> float:
    """Seconds since this process was started, its imports included."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    started_s = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started_s


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
