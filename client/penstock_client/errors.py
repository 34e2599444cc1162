# SPDX-License-Identifier: Apache-2.0
"""Every error this package raises about a call.

    PenstockError
    ├── Aborted
    ├── AlreadyExists
    ├── Cancelled
    ├── DataLoss
    ├── DeadlineExceeded
    ├── FailedPrecondition
    │   └── ClientClosed           the client was closed before the call
    ├── Internal
    │   └── MalformedResponse      the answer breaks the protocol
    ├── InvalidArgument            also raised before sending, for inputs that cannot be sent
    ├── NotFound
    ├── OutOfRange
    ├── PermissionDenied
    ├── ResourceExhausted
    ├── Unauthenticated
    ├── Unavailable                the only one whose call is tried again
    ├── Unimplemented
    └── Unknown

There is one class per gRPC status, so `except NotFound` says what it means, and `error.code` is
the status by its gRPC name.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "Aborted",
    "AlreadyExists",
    "Cancelled",
    "ClientClosed",
    "DataLoss",
    "DeadlineExceeded",
    "FailedPrecondition",
    "Internal",
    "InvalidArgument",
    "MalformedResponse",
    "NotFound",
    "OutOfRange",
    "PenstockError",
    "PermissionDenied",
    "ResourceExhausted",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Unknown",
    "error_class",
]


class PenstockError(Exception):
    """A call failed. The message is the server's sentence, or ours when nothing was sent."""

    code: ClassVar[str] = "UNKNOWN"

    def __init__(
        self,
        why: str,
        *,
        endpoint: str = "",
        attempts: int = 0,
        trailing_metadata: tuple[tuple[str, str | bytes], ...] = (),
    ) -> None:
        """Keeps the sentence, and which endpoint said so after how many attempts (0: unsent)."""
        super().__init__(why)
        self.why = why
        self.endpoint = endpoint
        self.attempts = attempts
        self.trailing_metadata = trailing_metadata

    def __str__(self) -> str:
        """Gives the sentence, followed by where it comes from when a server was asked."""
        if not self.attempts:
            return self.why
        tries = "" if self.attempts == 1 else f", attempt {self.attempts}"
        return f"{self.why} [{self.code} from {self.endpoint}{tries}]"


class Aborted(PenstockError):
    """The server gave the call up because of another one."""

    code = "ABORTED"


class AlreadyExists(PenstockError):
    """What should be made is there already."""

    code = "ALREADY_EXISTS"


class Cancelled(PenstockError):
    """The call was cancelled: by the server, or because the client was closed meanwhile."""

    code = "CANCELLED"


class DataLoss(PenstockError):
    """Data was lost or damaged for good."""

    code = "DATA_LOSS"


class DeadlineExceeded(PenstockError):
    """No answer came within the call's timeout."""

    code = "DEADLINE_EXCEEDED"


class FailedPrecondition(PenstockError):
    """The call makes no sense in the state the server, or this client, is in."""

    code = "FAILED_PRECONDITION"


class ClientClosed(FailedPrecondition):
    """The client was closed before the call."""


class Internal(PenstockError):
    """A rule was broken inside the server, or on the way."""

    code = "INTERNAL"


class MalformedResponse(Internal):
    """The answer arrived but breaks the protocol: its message names the tensor and the rule."""


class InvalidArgument(PenstockError):
    """The request is wrong whatever the server's state: a name, a datatype, a shape, bytes."""

    code = "INVALID_ARGUMENT"


class NotFound(PenstockError):
    """There is no such model, version or service."""

    code = "NOT_FOUND"


class OutOfRange(PenstockError):
    """The call goes beyond a valid range."""

    code = "OUT_OF_RANGE"


class PermissionDenied(PenstockError):
    """The caller is known and may not do this."""

    code = "PERMISSION_DENIED"


class ResourceExhausted(PenstockError):
    """A bound was reached: a message that is too large, memory for requests."""

    code = "RESOURCE_EXHAUSTED"


class Unauthenticated(PenstockError):
    """The caller did not say, or could not prove, who it is."""

    code = "UNAUTHENTICATED"


class Unavailable(PenstockError):
    """No server could be reached, or the model cannot serve at present."""

    code = "UNAVAILABLE"


class Unimplemented(PenstockError):
    """The server does not know the method, or does not offer it for this model."""

    code = "UNIMPLEMENTED"


class Unknown(PenstockError):
    """The server failed and gave no better status."""


_BY_CODE: dict[str, type[PenstockError]] = {
    made.code: made
    for made in (
        Aborted,
        AlreadyExists,
        Cancelled,
        DataLoss,
        DeadlineExceeded,
        FailedPrecondition,
        Internal,
        InvalidArgument,
        NotFound,
        OutOfRange,
        PermissionDenied,
        ResourceExhausted,
        Unauthenticated,
        Unavailable,
        Unimplemented,
        Unknown,
    )
}


def error_class(code: str) -> type[PenstockError]:
    """Gives the class of a gRPC status name such as NOT_FOUND; Unknown for a name not known."""
    return _BY_CODE.get(code, Unknown)
