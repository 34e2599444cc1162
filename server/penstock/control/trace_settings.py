# SPDX-License-Identifier: Apache-2.0
"""The trace settings: global ones, and those that single models have of their own.

They are kept, checked and told; nothing is traced yet. A model's setting that was never set, or was
cleared, is the global one; a global one that was cleared is the one of the start.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from penstock.errors import ControlError

__all__ = ["TraceSettings", "TraceValue"]

log = logging.getLogger(__name__)

#: A setting as it is told: trace_level is a list, the others are texts.
TraceValue = str | tuple[str, ...]

INT32_MAX = 2**31 - 1
UINT32_MAX = 2**32 - 1
LEVELS = ("TIMESTAMPS", "TENSORS")
OFF = ("OFF",)
#: Setting -> least and largest value.
NUMBERS = {
    "trace_rate": (0, UINT32_MAX),
    "trace_count": (-1, INT32_MAX),
    "log_frequency": (0, UINT32_MAX),
}
DEFAULTS: Mapping[str, TraceValue] = {
    "trace_level": OFF,
    "trace_rate": "1000",
    "trace_count": "-1",
    "log_frequency": "0",
    "trace_file": "",
    "trace_mode": "triton",
}
#: Models that may have settings of their own: as many as a repository could hold, and a bound.
MODELS_MAX = 65_536


@dataclass(slots=True)
class TraceSettings:
    """Lives on the control thread."""

    _global: dict[str, TraceValue] = field(default_factory=dict)
    _of_models: dict[str, dict[str, TraceValue]] = field(default_factory=dict)

    def values(self, model: str = "") -> dict[str, TraceValue]:
        """All settings as they are for `model`, or globally."""
        return {**DEFAULTS, **self._global, **self._of_models.get(model, {})}

    def update(self, model: str, changes: Mapping[str, Sequence[str] | None]) -> None:
        """Sets what `changes` names; None or no value clears. All of it, or, if refused, nothing.

        Raises ControlError for a setting that is not there, cannot be set, or a value it cannot be.
        """
        own = dict(self._of_models.get(model, {}) if model else self._global)
        for name, texts in changes.items():
            value = _parsed(name, texts)
            if value is None:
                own.pop(name, None)
            else:
                own[name] = value
        result = {**self.values(), **own} if model else {**DEFAULTS, **own}
        _check_together(result)
        self._keep(model, own)
        if result["trace_level"] != OFF:
            log.warning(
                "trace_settings_only_kept",
                extra={"model": model, "reason": "this version writes no traces"},
            )

    def _keep(self, model: str, own: dict[str, TraceValue]) -> None:
        if not model:
            self._global = own
        elif not own:
            self._of_models.pop(model, None)
        elif model not in self._of_models and len(self._of_models) >= MODELS_MAX:
            raise ControlError(
                f"at most {MODELS_MAX} models can have trace settings of their own",
                code="RESOURCE_EXHAUSTED",
            )
        else:
            self._of_models[model] = own


def _parsed(name: str, texts: Sequence[str] | None) -> TraceValue | None:
    """The value that `texts` mean; None if they clear the setting."""
    if name == "trace_file":
        raise ControlError(
            "trace file location can not be updated through network protocol", code="UNIMPLEMENTED"
        )
    if name not in DEFAULTS:
        known = ", ".join(sorted(DEFAULTS))
        raise ControlError(f"unknown trace setting '{name}': wanted one of {known}")
    if not texts:
        return None
    if name == "trace_level":
        return _parsed_level(texts)
    if len(texts) != 1:
        raise ControlError(f"expect only 1 value for '{name}'")
    if name == "trace_mode":
        if texts[0] != "triton":
            raise ControlError(
                f"trace mode '{texts[0]}' is not supported: wanted 'triton'", code="UNIMPLEMENTED"
            )
        return texts[0]
    return _parsed_number(name, texts[0])


def _parsed_level(texts: Sequence[str]) -> tuple[str, ...]:
    unknown = [text for text in texts if text not in (*LEVELS, *OFF)]
    if unknown:
        raise ControlError(
            f"Unable to parse 'trace_level', got: {unknown[0]}; wanted OFF, TIMESTAMPS or TENSORS"
        )
    if "OFF" in texts:
        if len(texts) > 1:
            raise ControlError("Expect only one trace level 'OFF' is specified")
        return OFF
    return tuple(level for level in LEVELS if level in texts)


def _parsed_number(name: str, text: str) -> str:
    text = text.strip()
    digits = text[1:] if text.startswith(("-", "+")) else text
    if not (digits.isascii() and digits.isdigit()):
        raise ControlError(f"Unable to parse '{name}', got: {text}")
    least, largest = NUMBERS[name]
    number = int(text) if len(digits) <= 20 else largest + 1
    if name == "trace_count" and number < least:
        raise ControlError(f"Unable to parse '{name}'. Expecting value >= {least}, got: {text}")
    if not least <= number <= largest:
        raise ControlError(
            f"Unable to parse '{name}', value is out of range [ {least}, {largest} ], got: {text}"
        )
    return str(number)


def _check_together(values: Mapping[str, TraceValue]) -> None:
    if values["trace_level"] != OFF and values["trace_rate"] == "0":
        raise ControlError("Attempting to set invalid trace setting : sample rate must be non-zero")
