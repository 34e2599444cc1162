# SPDX-License-Identifier: Apache-2.0
"""Everything that can be set about a server: the one list of its options.

A field here is at once a flag (`grpc_port` is `--grpc-port`), a key of the configuration file and a
line of `--print-config`; the description is the help of all three. Names are Triton's where Triton
has the flag. Durations and sizes carry their unit, except in names that are Triton's.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from penstock.cores import usable_cores
from penstock.logs import LogChoice

__all__ = ["ServerOptions"]

Port = Annotated[int, Field(ge=0, le=65535)]
Milliseconds = Annotated[int, Field(ge=0, le=2**31 - 1)]
Count = Annotated[int, Field(ge=1, le=2**31 - 1)]
ThreadCount = Annotated[int, Field(ge=1, le=1024)]
Bytes = Annotated[int, Field(ge=1, le=2**40)]


BackendConfig = dict[str, dict[str, str]]
#: The section of settings that name no backend.
ALL_BACKENDS = ""
BATCH_ROWS_DEFAULT = 64
#: What a configuration's int32 can hold.
ROWS_MAX = 2**31 - 1
#: The one setting of a backend that is acted on.
BATCH_ROWS_KEY = "default-max-batch-size"


class ServerOptions(BaseModel):
    """How a server is run. Defaults are those of `penstock serve`."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=False, protected_namespaces=()
    )

    id: str = Field("triton", description="The name that ServerMetadata tells; Triton's default.")

    model_repository: list[str] = Field(
        [],
        description="Folder of models, or a URL of one: s3://, gs://, as://, https:// and others. "
        "May be repeated.",
    )
    model_repository_cache: str = Field(
        "",
        description="Folder that keeps the files of remote repositories. Empty: one that is "
        "removed when the server ends.",
    )
    model_repository_cache_bytes_max: Annotated[int, Field(ge=1, le=2**50)] = Field(
        1 << 38, description="Bytes of the files of remote repositories and of the registry, each."
    )
    registry: str = Field(
        "",
        description="Registry to follow: sqlite:///FILE or the URL of an MLflow server. The "
        "version of each model that the alias names is served. Empty: none.",
    )
    registry_alias: str = Field("champion", description="The alias that is followed.")
    registry_poll_secs: Annotated[float, Field(ge=0.1, le=86_400)] = Field(
        2.0, description="Seconds between looks at the registry."
    )
    registry_cache: str = Field(
        "",
        description="Folder that keeps what was fetched from the registry, so that a server can "
        "start while the registry is away. Empty: one that is removed when the server ends.",
    )
    registry_allow_code: bool = Field(
        False,
        description="Let versions of the registry that are no packages run code that they bring: "
        "pickles are read, and MLflow answers for what nothing else can serve.",
    )
    package: list[str] = Field(
        [],
        description="Folder of a packaged version, to be served as version 1 of the model that it "
        "names. May be repeated.",
    )
    package_public_key: list[str] = Field(
        [],
        description="PEM file of an EC key. Every version must then be a package that is signed "
        "with the private key that belongs to it, or to another one given. May be repeated. "
        "Without any, signatures are not looked at.",
    )
    require_signed: bool | None = Field(
        None,
        description="With public keys: refuse versions without a signature. false: warn of them. "
        "Default: true if there is a key.",
    )
    state_dir: str = Field(
        "",
        description="Folder that keeps the server's rollouts and what it knows of live rows, so "
        "that both go on after a restart. Empty: they are forgotten when the server ends.",
    )
    monitoring: Literal["on", "off"] = Field(
        "on",
        description="Whether the rows of models are counted and held against a reference. A "
        "model's monitoring.toml says more. off: no row is looked at.",
    )
    route_force_key: list[str] = Field(
        [],
        description="NAME=FILE: a secret of at least 16 bytes that signs the header which sends a "
        "request to an arm of its choice, for routes that name it. May be repeated.",
    )
    model_control_mode: Literal["none", "poll", "explicit"] = Field(
        "none",
        description="How models come and go. none: all are loaded at start, and stay; poll: "
        "changes of the repositories are followed; explicit: clients load and unload.",
    )
    repository_poll_secs: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        15, description="Seconds between looks at the repositories, if they are polled. 0: none."
    )
    load_model: list[str] = Field(
        [],
        description="With explicit control: a model to load at start; * alone: every one. May be "
        "repeated.",
    )
    allow_model_file_override: bool = Field(
        False,
        description="With explicit control: let clients send a model's files with a load. Whoever "
        "may call it can then run code in the server.",
    )
    model_file_override_bytes_max: Bytes = Field(
        256 << 20, description="Bytes of the files that one load may bring."
    )
    model_load_mode: Literal["eager", "lazy"] = Field(
        "eager",
        description="When models are loaded that the server finds by itself. eager: at once; lazy: "
        "when a request first asks for one.",
    )
    model_memory_budget: Annotated[int, Field(ge=0, le=2**50)] = Field(
        0,
        description="Bytes of memory for loaded models, by estimate. Beyond it those that were "
        "used longest ago are unloaded, until a request asks for them. 0: no budget.",
    )
    model_load_thread_count: Count = Field(4, description="Models loaded at the same time.")
    model_load_retry_count: Annotated[int, Field(ge=0, le=1000)] = Field(
        0, description="How often a load that fails is tried again, at once."
    )
    backend_config: BackendConfig = Field(
        {},
        description="A backend's setting: BACKEND,KEY=VALUE, e.g. "
        "onnxruntime,default-max-batch-size=64. May be repeated.",
    )
    disable_auto_complete_config: bool = Field(
        False, description="Require configurations that leave no input and no output out."
    )
    strict_model_config: bool = Field(False, description="The same, by its older name.")
    exit_on_error: bool = Field(
        False, description="Exit if a model fails to load. False: serve the others."
    )
    strict_readiness: bool = Field(
        False, description="Ready only if every model is. False: once each was tried."
    )

    allow_grpc: bool = Field(True, description="Serve gRPC.")
    grpc_address: str = Field("0.0.0.0", description="Address that gRPC listens on.")
    grpc_port: Port = Field(8001, description="Port of gRPC. 0: one the system chooses.")
    grpc_infer_thread_count: ThreadCount = Field(
        default_factory=usable_cores,
        description="Threads that serve connections. Default: the cores this process may use.",
    )
    reuse_grpc_port: bool = Field(False, description="Let several servers share the gRPC port.")
    grpc_infer_response_compression_level: Literal["none", "low", "medium", "high"] = Field(
        "none", description="How hard answers are compressed for clients that accept it."
    )
    grpc_keepalive_time: Milliseconds = Field(
        7_200_000, description="Milliseconds without traffic after which a client is pinged."
    )
    grpc_keepalive_timeout: Milliseconds = Field(
        20_000, description="Milliseconds to wait for the answer to a ping."
    )
    grpc_keepalive_permit_without_calls: bool = Field(
        False, description="Ping also when no call is open."
    )
    grpc_max_connection_age: Milliseconds = Field(
        0, description="Milliseconds after which a connection is asked to close. 0: never."
    )
    grpc_max_connection_age_grace: Milliseconds = Field(
        0, description="Milliseconds given to its open calls after that. 0: as long as they take."
    )
    grpc_header_timeout_ms: Milliseconds = Field(
        20_000,
        description="Milliseconds for a new connection's first frame, and for the headers of a "
        "request once begun, to be complete. 0: no bound.",
    )
    grpc_stall_timeout_ms: Milliseconds = Field(
        300_000,
        description="Milliseconds after which a client that reads nothing of the answers that wait "
        "for it is closed. 0: never.",
    )
    grpc_concurrent_streams_max: Count = Field(
        1024, description="Calls open at a time on one connection."
    )
    grpc_header_forward_pattern: str = Field(
        "",
        description="Metadata of gRPC inferences that Python models are told as parameters: a "
        "regular expression found in their names, whatever its own case. Empty: none.",
    )
    connections_max: Count = Field(16_384, description="Connections open at a time.")
    message_bytes_max: Bytes = Field(
        256 << 20, description="Largest request, in bytes, after decompression."
    )
    inflight_bytes_max: Bytes = Field(
        1 << 30,
        description="Bytes of requests received and not yet answered, per connection thread.",
    )

    grpc_service: list[str] = Field(
        [],
        description="Services of your own on the gRPC port: MODULE:FUNCTION, called with the "
        "server to register them on. May be repeated.",
    )
    grpc_service_thread_count: Count = Field(
        16, description="Threads for methods of such services that are plain functions."
    )
    grpc_service_calls_max: Annotated[int, Field(ge=1, le=65_536)] = Field(
        4096, description="Calls of such services open at a time."
    )

    allow_http: bool = Field(True, description="Serve REST.")
    http_address: str = Field("0.0.0.0", description="Address that REST listens on.")
    http_port: Port = Field(8000, description="Port of REST. 0: one the system chooses.")
    reuse_http_port: bool = Field(False, description="Let several servers share the REST port.")
    http_max_input_size: Bytes = Field(
        64 << 20,
        description="Largest body of a REST request, in bytes, before and after decompression.",
    )
    http_header_forward_pattern: str = Field(
        "",
        description="Header fields of REST inferences that Python models are told as parameters: a "
        "regular expression found in their lower-case names, whatever its own case. Empty: none.",
    )
    http_idle_timeout_ms: Milliseconds = Field(
        600_000,
        description="Milliseconds after which an HTTP/1.1 connection without a request is closed. "
        "0: never.",
    )

    allow_client_shm: bool = Field(
        False,
        description="Let clients on this machine send and receive tensors in shared memory that "
        "they register. Whoever may call the server can then use every object in /dev/shm that "
        "its user can.",
    )
    client_shm_regions_max: Annotated[int, Field(ge=1, le=65_536)] = Field(
        1024, description="Regions of shared memory registered at a time; each is an open file."
    )

    allow_metrics: bool = Field(True, description="Serve metrics.")
    metrics_address: str = Field(
        "", description="Address that metrics listen on. Empty: the address of gRPC."
    )
    metrics_port: Port = Field(8002, description="Port of metrics. 0: one the system chooses.")
    metrics_interval_ms: Annotated[int, Field(ge=1, le=2**31 - 1)] = Field(
        2000, description="Milliseconds that a reading of the machine's metrics is good for."
    )
    metrics_config: list[str] = Field(
        [],
        description="What the metrics tell: SETTING=VALUE, e.g. summary_latencies=true. "
        "May be repeated.",
    )
    allow_cpu_metrics: bool = Field(True, description="Tell the machine's CPU and memory.")
    allow_gpu_metrics: bool = Field(True, description="Tell the machine's GPUs, if it has any.")

    drain_delay_secs: Annotated[float, Field(ge=0, le=86_400)] = Field(
        0.0, description="Seconds to go on accepting calls, not ready, after SIGTERM."
    )
    exit_timeout_secs: Annotated[float, Field(gt=0, le=86_400)] = Field(
        30.0, description="Seconds after SIGTERM at which the process ends in any case."
    )

    log_format: Literal["console", "json", "default", "ISO8601"] = Field(
        "console", description="How log lines look; Triton's default and ISO8601 mean console."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least serious event to log."
    )
    log_verbose: Annotated[int, Field(ge=0)] = Field(
        0, description="1 or more: the same as --log-level debug."
    )
    log_info: bool = Field(True, description="Log events that are only told.")
    log_warning: bool = Field(True, description="Log warnings.")
    log_error: bool = Field(True, description="Log errors.")
    log_file: str = Field("", description="File to append the log to. Empty: standard error.")

    @field_validator("log_format")
    @classmethod
    def _triton_formats_are_console(cls, wanted: str) -> str:
        return "json" if wanted == "json" else "console"

    @field_validator("backend_config")
    @classmethod
    def _batch_size_is_a_number(cls, found: BackendConfig) -> BackendConfig:
        for backend, settings in found.items():
            size = settings.get(BATCH_ROWS_KEY, "1")
            is_number = size.isascii() and size.isdigit() and len(size) <= len(str(ROWS_MAX))
            if not (is_number and 1 <= int(size) <= ROWS_MAX):
                raise PydanticCustomError(
                    "batch_size",
                    "Input should be a whole number of at least 1 as default-max-batch-size of "
                    "{backend}",
                    {"backend": backend or "all backends"},
                )
        return found

    @property
    def repositories(self) -> list[Path]:
        """The folders of models on this machine, in the order given."""
        return [
            Path(folder).expanduser() for folder in self.model_repository if "://" not in folder
        ]

    @property
    def public_keys(self) -> list[Path]:
        """The keys of which one must have signed a package; none: nobody looks."""
        return [Path(file).expanduser() for file in self.package_public_key]

    @property
    def requires_signatures(self) -> bool:
        """Whether a version that is not signed is refused."""
        if self.require_signed is None:
            return bool(self.package_public_key)
        return self.require_signed

    @property
    def metrics_host(self) -> str:
        """The address that metrics listen on."""
        return self.metrics_address or self.grpc_address

    @property
    def log_choice(self) -> LogChoice:
        """The events to log: those of `log_level` and above that no switch takes out."""
        chosen = LogChoice.from_level(self.log_level, self.log_format)
        return replace(
            chosen,
            info=self.log_info and (chosen.info or self.log_verbose > 0),
            warning=self.log_warning and (chosen.warning or self.log_verbose > 0),
            error=self.log_error,
            verbose=self.log_verbose or chosen.verbose,
        )

    @property
    def is_completing_configs(self) -> bool:
        """Whether what a configuration leaves out is found in the model."""
        return not (self.disable_auto_complete_config or self.strict_model_config)

    def batch_rows_default(self, backend: str) -> int:
        """Rows of a batch for models that batch but do not say how much."""
        for section in (backend, ALL_BACKENDS):
            if BATCH_ROWS_KEY in self.backend_config.get(section, {}):
                return int(self.backend_config[section][BATCH_ROWS_KEY])
        return BATCH_ROWS_DEFAULT

    @property
    def backend_settings_without_effect(self) -> list[str]:
        """BACKEND,KEY of what is set of backends and means nothing here."""
        return [
            f"{backend},{key}" if backend else key
            for backend, settings in self.backend_config.items()
            for key in settings
            if key != BATCH_ROWS_KEY or backend not in (ALL_BACKENDS, "native", "onnxruntime")
        ]
