# SPDX-License-Identifier: Apache-2.0
"""`pb_utils.Logger`: lines of a model in the server's log."""

import logging

from penstock.backends.triton.current import current_model

__all__ = ["Logger"]

log = logging.getLogger(__name__)


class Logger:
    """Logs the event `model_said`, with the model, its version and the text. Never made."""

    INFO = logging.INFO
    WARNING = logging.WARNING
    ERROR = logging.ERROR
    VERBOSE = logging.DEBUG

    @staticmethod
    def log(message: str, level: int = INFO) -> None:
        """`level` is one of the class's own."""
        if not log.isEnabledFor(level):
            return
        model = current_model()
        of_model = {"model": model.name, "version": model.version} if model else {}
        log.log(level, "model_said", extra={**of_model, "text": str(message)})

    @staticmethod
    def log_info(message: str) -> None:
        """At level INFO."""
        Logger.log(message, Logger.INFO)

    @staticmethod
    def log_warn(message: str) -> None:
        """At level WARNING."""
        Logger.log(message, Logger.WARNING)

    @staticmethod
    def log_error(message: str) -> None:
        """At level ERROR."""
        Logger.log(message, Logger.ERROR)

    @staticmethod
    def log_verbose(message: str) -> None:
        """At level VERBOSE, which is shown by --log-level debug."""
        Logger.log(message, Logger.VERBOSE)
