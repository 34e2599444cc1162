# SPDX-License-Identifier: Apache-2.0
"""The log settings, which a client may change while the server runs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from penstock.errors import ControlError
from penstock.logs import LogChoice, LogOutput

__all__ = ["LogSettings", "LogValue"]

LogValue = bool | int | str

SWITCHES = ("log_info", "log_warning", "log_error")
#: Triton's two, which look the same here, and ours.
FORMATS = ("default", "ISO8601", "console", "json")
VERBOSE_MAX = 2**31 - 1
KNOWN = ("log_file", *SWITCHES, "log_verbose_level", "log_format")


@dataclass(slots=True)
class LogSettings:
    """The settings of one `LogOutput`. Lives on the control thread."""

    _output: LogOutput
    #: What a client called the format; empty while the server was told nothing but its options.
    _format_name: str = ""

    def values(self) -> dict[str, LogValue]:
        """All settings as they are, in Triton's names and order."""
        choice = self._output.choice
        return {
            "log_file": self._output.file,
            "log_info": choice.info,
            "log_warning": choice.warning,
            "log_error": choice.error,
            "log_verbose_level": choice.verbose,
            "log_format": self._format_name or _told_format(choice.format),
        }

    def update(self, changes: Mapping[str, LogValue]) -> None:
        """Sets what `changes` names: all of it, or, if some of it is refused, nothing.

        Raises ControlError for a setting that is not there, cannot be set, or a value it cannot be.
        """
        choice, format_name = self._output.choice, self._format_name
        for name, value in changes.items():
            if name == "log_format":
                format_name = _checked_format(value)
                choice = replace(choice, format="json" if format_name == "json" else "console")
            else:
                choice = _changed(choice, name, value)
        self._output.choose(choice)
        self._format_name = format_name


def _changed(choice: LogChoice, name: str, value: LogValue) -> LogChoice:
    if name == "log_file":
        raise ControlError(
            "log file location can not be updated through network protocol", code="UNIMPLEMENTED"
        )
    if name in SWITCHES:
        if not isinstance(value, bool):
            raise ControlError(f"expect boolean for '{name}'")
        match name:
            case "log_info":
                return replace(choice, info=value)
            case "log_warning":
                return replace(choice, warning=value)
        return replace(choice, error=value)
    if name == "log_verbose_level":
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= VERBOSE_MAX:
            raise ControlError(f"expect int32 for '{name}'")
        return replace(choice, verbose=value)
    raise ControlError(f"unknown log setting '{name}': wanted one of {', '.join(KNOWN)}")


def _checked_format(value: LogValue) -> str:
    if not isinstance(value, str):
        raise ControlError("expect string for 'log_format'")
    if value not in FORMATS:
        raise ControlError(f"invalid argument for log_format, got: {value}")
    return value


def _told_format(used: str) -> str:
    return "json" if used == "json" else "default"
