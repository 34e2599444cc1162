# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, drawn as a tree.

    PenstockError
    ├── OptionsError        a flag or a line of the configuration file is wrong
    ├── RepositoryError     a model's folder or its config.pbtxt is wrong
    │   ├── RemoteRepositoryError   a repository behind a URL cannot be read
    │   └── UnsupportedError    it asks for something this server does not do yet
    ├── ModelFileError      a model that is to be compiled is damaged, or of no known format
    ├── NotCompiledError    a part of a model has no native form; says which, and why
    ├── QuantizeError       a model cannot be quantised: its data, its metric, or none passes
    ├── ArtifactError       a compiled model's file is wrong, or would be
    ├── UnknownModelError   nothing is served under the name or version asked for
    ├── PackageError        a packaged version is damaged, or is none
    │   ├── UnsignedError           it is not signed as it must be
    │   └── SmokeError              its smoke request cannot be read
    ├── PredictError        rows cannot be read, answered or written by `penstock predict`
    ├── ProfileError        a reference profile cannot be read, or made
    ├── RegistryError       the registry of versions cannot be used, or lacks what is asked for
    ├── MonitoringError     a version cannot be watched as it is asked for; `code` is its own
    ├── RolloutError        a rollout or a route cannot be as it is asked for; `code` is its own
    ├── StoreError          what the server keeps of rollouts, monitoring cannot be read, or written
    │   └── DamagedError            its file is damaged
    ├── BackendError        a model's own code is wrong, or failed
    ├── ListenError         an address cannot be listened on
    ├── ServiceError        a service of --grpc-service cannot be hosted
    ├── ControlError        a control call asks for what cannot be done; `code` is its own
    ├── RegionError         memory that a client wants to share cannot be
    └── EngineError         the native core refused; `code` is its own

Every message is one sentence or two: what was wanted, what was found and, where there is one, the
mend. A command prints it and exits 1; a traceback is shown only with --debug.
"""

__all__ = [
    "ArtifactError",
    "BackendError",
    "ControlError",
    "DamagedError",
    "EngineError",
    "ListenError",
    "ModelFileError",
    "MonitoringError",
    "NotCompiledError",
    "OptionsError",
    "PackageError",
    "PenstockError",
    "PredictError",
    "ProfileError",
    "QuantizeError",
    "RegionError",
    "RegistryError",
    "RemoteRepositoryError",
    "RepositoryError",
    "RolloutError",
    "ServiceError",
    "SmokeError",
    "StoreError",
    "UnknownModelError",
    "UnsignedError",
    "UnsupportedError",
]


class PenstockError(Exception):
    """Whatever the server can say about a failure. `code` is gRPC's name of the kind."""

    code = "INTERNAL"


class OptionsError(PenstockError):
    """A flag or a line of the configuration file is wrong."""

    code = "INVALID_ARGUMENT"


class RepositoryError(PenstockError):
    """A model's folder or its configuration is wrong."""

    code = "INVALID_ARGUMENT"


class RemoteRepositoryError(RepositoryError):
    """A repository behind a URL cannot be read, at least not now."""

    code = "UNAVAILABLE"


class UnsupportedError(RepositoryError):
    """A model's configuration asks for something that this server does not do yet."""

    code = "UNIMPLEMENTED"


class ArtifactError(PenstockError):
    """A compiled model's file is wrong, or one that is to be written would be."""

    code = "INVALID_ARGUMENT"


class UnknownModelError(PenstockError):
    """Nothing is served under the name or version asked for."""

    code = "NOT_FOUND"


class PackageError(PenstockError):
    """A packaged version is damaged, is none, or not what it must be."""

    code = "FAILED_PRECONDITION"


class PredictError(PenstockError):
    """Rows of a table cannot be read, fit no model, or their answers cannot be written."""

    code = "INVALID_ARGUMENT"


class UnsignedError(PackageError):
    """A packaged version is not signed, or not with a key that is trusted."""


class SmokeError(PackageError):
    """The smoke request of a packaged version cannot be read, or is none."""


class ProfileError(PenstockError):
    """A reference profile cannot be read, is none, or cannot be made of what there is."""

    code = "FAILED_PRECONDITION"


class RegistryError(PenstockError):
    """The registry of versions cannot be used, or has not what is asked for."""

    code = "FAILED_PRECONDITION"


class RolloutError(PenstockError):
    """A rollout, or a route, cannot be as it is asked for, or not in the state that it is in."""

    def __init__(self, message: str, *, code: str = "INVALID_ARGUMENT") -> None:
        """`code` is gRPC's name of the kind, e.g. "FAILED_PRECONDITION"."""
        super().__init__(message)
        self.code = code


class MonitoringError(PenstockError):
    """A version cannot be watched as it is asked for, or nothing is known of how it stands."""

    def __init__(self, message: str, *, code: str = "INVALID_ARGUMENT") -> None:
        """`code` is gRPC's name of the kind, e.g. "NOT_FOUND"."""
        super().__init__(message)
        self.code = code


class StoreError(PenstockError):
    """What the server keeps of its rollouts or its monitoring cannot be read or written."""

    code = "FAILED_PRECONDITION"


class DamagedError(StoreError):
    """A file of the server's state is damaged, or no such file."""


class BackendError(PenstockError):
    """A model's own code cannot be used, or failed."""

    code = "INTERNAL"


class ListenError(PenstockError):
    """An address cannot be listened on."""

    code = "UNAVAILABLE"


class ServiceError(PenstockError):
    """A service that is to be hosted cannot be found, or failed to register."""

    code = "INVALID_ARGUMENT"


class ControlError(PenstockError):
    """A control call asks for something that cannot be done, or in a form that cannot be read."""

    def __init__(self, message: str, *, code: str = "INVALID_ARGUMENT") -> None:
        """`code` is gRPC's name of the kind, e.g. "NOT_FOUND"."""
        super().__init__(message)
        self.code = code


class RegionError(PenstockError):
    """Memory that a client wants to share with the server cannot be."""

    code = "INVALID_ARGUMENT"


class EngineError(PenstockError):
    """The native core refused something."""

    def __init__(self, message: str, *, code: str, stage: str = "") -> None:
        """`code` is gRPC's name of the kind, e.g. "INVALID_ARGUMENT".

        `stage` is where a load failed, if not in making the model: "memory", "smoke", "warmup".
        """
        super().__init__(message)
        self.code = code
        self.stage = stage


class ModelFileError(PenstockError):
    """A model that is to be compiled is damaged, or of no format that is known."""

    code = "INVALID_ARGUMENT"


class NotCompiledError(PenstockError):
    """A part of a model has no native form; ONNX Runtime, or its library, can still serve it.

    `node`, `op` and `domain` are those of an ONNX graph's node, where one stopped the compiler.
    """

    code = "UNIMPLEMENTED"

    def __init__(self, why: str, *, node: str = "", op: str = "", domain: str = "") -> None:
        """`why` is a sentence; the node's name, operator and domain are put before it."""
        place = f"node {node!r} ({domain or 'ai.onnx'}.{op}): " if op else ""
        super().__init__(place + why)
        self.node = node
        self.op = op
        self.domain = domain
        self.why = why


class QuantizeError(PenstockError):
    """A model cannot be quantised: its data or its metric is wrong, or no form passes the gate."""

    code = "INVALID_ARGUMENT"
