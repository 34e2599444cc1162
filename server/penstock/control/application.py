# SPDX-License-Identifier: Apache-2.0
"""The verbs of the control application, once for all ways to call them.

gRPC methods and REST routes turn what they receive into the plain values here, and what comes back
into messages or JSON; what a verb accepts, refuses and says is decided in this file and in its
parts. Lives on the control thread's event loop.
"""

from collections.abc import Mapping, Sequence

from penstock.control.drift_verbs import DriftVerbs
from penstock.control.log_settings import LogSettings, LogValue
from penstock.control.parts import (
    DriftControl,
    IndexEntry,
    LoadWish,
    MemoryRegion,
    RepositoryControl,
    RolloutControl,
    RouteControl,
    SharedMemoryControl,
    StatisticsSource,
)
from penstock.control.rollout_verbs import RolloutVerbs
from penstock.control.route_verbs import RouteVerbs
from penstock.control.trace_settings import TraceSettings, TraceValue
from penstock.errors import ControlError, PenstockError
from penstock_client._proto.inference_extensions_pb2 import ModelStatistics
from penstock_client._proto.model_config_pb2 import ModelConfig

__all__ = ["ControlApplication", "RepositoryParameters"]

#: The parameters of a load or an unload. A file is bytes already, whatever it travelled as.
RepositoryParameters = Mapping[str, str | bytes | bool | int]

FILE_PREFIX = "file:"
#: Of a version's number, which is below 2**63.
VERSION_DIGITS_MAX = 20
TYPE_NAMES = {bool: "bool_param", int: "int64_param", str: "string_param", bytes: "bytes_param"}


class ControlApplication:
    """What a client may ask of a server besides inference. Every refusal is a PenstockError."""

    def __init__(
        self,
        *,
        repository: RepositoryControl,
        statistics: StatisticsSource,
        shared_memory: SharedMemoryControl,
        logs: LogSettings,
        traces: TraceSettings,
        rollouts: RolloutControl | None = None,
        routes: RouteControl | None = None,
        drift: DriftControl | None = None,
    ) -> None:
        """Without `rollouts`, `routes` or `drift` those calls are answered UNIMPLEMENTED."""
        self._repository = repository
        self._statistics = statistics
        self._memory = shared_memory
        self._logs = logs
        self._traces = traces
        #: Its verbs for rollouts, which are so many that they are an object of their own.
        self.rollouts = RolloutVerbs(rollouts)
        self.routes = RouteVerbs(routes)
        self.drift = DriftVerbs(drift)

    # -- models -----------------------------------------------------------------------------------

    def model_config(self, model: str, version: str = "") -> ModelConfig:
        """The completed configuration of a loaded version; without `version`, of the highest."""
        if not model:
            raise ControlError("Missing model name in ModelConfig request")
        return self._repository.config(model, checked_version(version))

    def model_statistics(self, model: str = "", version: str = "") -> Sequence[ModelStatistics]:
        """Of one version, of all versions of a model, or of all models."""
        return self._statistics.statistics(model, checked_version(version))

    # -- the repository ---------------------------------------------------------------------------

    async def index(self, repository: str = "", *, ready_only: bool = False) -> list[IndexEntry]:
        """What the repositories hold, or one of them."""
        return await self._repository.index(repository=repository, ready_only=ready_only)

    async def load(
        self, model: str, parameters: RepositoryParameters, *, repository: str = ""
    ) -> None:
        """Loads or reloads a model, with its configuration or files replaced if asked."""
        if not model:
            raise ControlError("a load wants the name of a model, found none")
        await self._repository.load(_load_wish(model, repository, parameters))

    async def unload(
        self, model: str, parameters: RepositoryParameters, *, repository: str = ""
    ) -> None:
        """Takes a model out of service."""
        if not model:
            raise ControlError("an unload wants the name of a model, found none")
        with_dependents = parameters.get("unload_dependents", False)
        if not isinstance(with_dependents, bool):
            raise ControlError(
                "invalid value type for 'unload_dependents' parameter, expected bool_param."
            )
        if repository:
            held = await self._repository.index(repository=repository)
            if all(entry.name != model for entry in held):
                raise ControlError(
                    f"failed to unload '{model}': repository '{repository}' holds no such model",
                    code="NOT_FOUND",
                )
        await self._repository.unload(model, unload_dependents=with_dependents)

    # -- shared memory ----------------------------------------------------------------------------

    def system_regions(self, name: str = "") -> list[MemoryRegion]:
        """The registered regions, or the one called `name`."""
        found = self._memory.regions(name)
        if name and not found:
            raise ControlError(
                f"Unable to find system shared memory region: '{name}'", code="NOT_FOUND"
            )
        return found

    def register_system_region(self, region: MemoryRegion) -> None:
        """Maps a region that a client has made."""
        if not region.name:
            raise ControlError("'region name' is necessary to register system shared memory region")
        self._memory.register(region)

    def unregister_system_region(self, name: str = "") -> None:
        """Forgets a region, or all of them."""
        self._memory.unregister(name)

    def cuda_regions(self, name: str = "") -> list[MemoryRegion]:
        """The registered regions of GPUs' memory: none, as long as none can be registered."""
        if name:
            raise ControlError(
                f"Unable to find cuda shared memory region: '{name}'", code="NOT_FOUND"
            )
        return []

    def register_cuda_region(
        self, name: str, raw_handle: bytes, device_id: int, byte_size: int
    ) -> None:
        """Maps a region of a GPU's memory."""
        if not name:
            raise ControlError("'region name' is necessary to register cuda shared memory region")
        self._memory.register_cuda(name, raw_handle, device_id, byte_size)

    def unregister_cuda_region(self, name: str = "") -> None:
        """Forgets a region of a GPU's memory, or all of them."""
        self._memory.unregister_cuda(name)

    # -- settings ---------------------------------------------------------------------------------

    def trace_settings(
        self, model: str = "", changes: Mapping[str, Sequence[str] | None] | None = None
    ) -> dict[str, TraceValue]:
        """The trace settings, global or of a model, after `changes` to them."""
        if model and not self._is_known(model):
            raise ControlError(f"Request for unknown model : {model}")
        if changes:
            self._traces.update(model, changes)
        return self._traces.values(model)

    def log_settings(self, changes: Mapping[str, LogValue] | None = None) -> dict[str, LogValue]:
        """The log settings, after `changes` to them."""
        if changes:
            self._logs.update(changes)
        return self._logs.values()

    def _is_known(self, model: str) -> bool:
        try:
            self._repository.config(model)
        except PenstockError:
            return False
        return True


def checked_version(version: str) -> str:
    """`version`, if it is empty or the number of one."""
    digits = version if version.isascii() and version.isdigit() else ""
    is_number = 0 < len(digits) <= VERSION_DIGITS_MAX and int(digits) < 2**63
    if version and not is_number:
        shown = version if len(version) <= 2 * VERSION_DIGITS_MAX else f"{version[:40]}..."
        raise ControlError(
            f"failed to get model version from specified version string '{shown}' "
            "(details: a whole number is wanted), version should be an integral value > 0"
        )
    return version


def _load_wish(model: str, repository: str, parameters: RepositoryParameters) -> LoadWish:
    config: str | None = None
    files: dict[str, bytes] = {}
    for name, value in parameters.items():
        if name == "config":
            if not isinstance(value, str):
                raise _wrong_type(name, value, str)
            config = value
        elif name.startswith(FILE_PREFIX):
            if not isinstance(value, bytes):
                raise _wrong_type(name, value, bytes)
            files[name.removeprefix(FILE_PREFIX)] = value
        else:
            raise ControlError(f"unrecognized load parameter '{name}'.")
    return LoadWish(model=model, repository=repository, config=config, files=files)


def _wrong_type(name: str, value: object, wanted: type) -> ControlError:
    return ControlError(
        f"invalid value type for load parameter '{name}', expected {TYPE_NAMES[wanted]}."
        f" Found {TYPE_NAMES[type(value)]}."
    )
