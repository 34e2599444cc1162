# SPDX-License-Identifier: Apache-2.0
"""What a model written for Triton fails with."""

from penstock.errors import BackendError
from penstock.plain_text import sayable

__all__ = ["TritonError", "TritonModelException", "not_served", "sentence_of"]


class TritonError:
    """Why one request failed, as the `error` of its response."""

    UNKNOWN = 0
    INTERNAL = 1
    NOT_FOUND = 2
    INVALID_ARG = 3
    UNAVAILABLE = 4
    UNSUPPORTED = 5
    ALREADY_EXISTS = 6
    CANCELLED = 7

    __slots__ = ("_code", "_message")

    def __init__(self, message: str, code: int = INTERNAL) -> None:
        """`code` is one of the class's own."""
        if code not in GRPC_CODES:
            raise TritonModelException(f"{code!r} is no code of TritonError.")
        self._message = message
        self._code = code

    def message(self) -> str:
        """The sentence that the client is told."""
        return self._message

    def code(self) -> int:
        """One of the class's codes."""
        return self._code

    def __str__(self) -> str:
        """The sentence alone."""
        return str(self._message)


#: Triton's codes -> gRPC's numbers.
GRPC_CODES = {
    TritonError.UNKNOWN: 2,
    TritonError.INTERNAL: 13,
    TritonError.NOT_FOUND: 5,
    TritonError.INVALID_ARG: 3,
    TritonError.UNAVAILABLE: 14,
    TritonError.UNSUPPORTED: 12,
    TritonError.ALREADY_EXISTS: 6,
    TritonError.CANCELLED: 1,
}


class TritonModelException(Exception):
    """What the functions of this module raise; a model may raise it, too."""

    def message(self) -> str:
        """The sentence."""
        return str(self)


def sentence_of(error: BaseException) -> str:
    """An exception in a sentence: those that are written to be read by their words alone."""
    is_sentence = isinstance(error, BackendError | TritonModelException)
    words = sayable(str(error))
    if is_sentence:
        return words
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def not_served(what: str) -> TritonModelException:
    """The refusal of a part of Triton's Python backend that this server does not have yet."""
    return TritonModelException(f"{what} not served by this server yet.")
