# SPDX-License-Identifier: Apache-2.0
"""TOML: options, each with its help as a comment, and any value."""

import json
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penstock.config.options import ServerOptions

__all__ = ["options_as_toml", "toml_key", "toml_value"]


def options_as_toml(options: ServerOptions) -> str:
    """A configuration file that says the same as `options`, in full."""
    plain: list[str] = []
    tables: list[str] = []
    for name, field in ServerOptions.model_fields.items():
        value = getattr(options, name)
        comment = textwrap.wrap(field.description or "", 94)
        if isinstance(value, Mapping):  # TOML wants tables after all plain keys
            for key, settings in value.items():
                tables += ["", f"[{name}.{_text(key)}]"]
                tables += [
                    f"{_text(setting)} = {toml_value(text)}" for setting, text in settings.items()
                ]
        else:
            setting = f"# {name} is not set" if value is None else f"{name} = {toml_value(value)}"
            plain += [f"# {line}" for line in comment] + [setting, ""]
    return "\n".join(plain[:-1] + tables) + "\n"


def toml_value(value: Any) -> str:
    """A value on one line; of a mapping an inline table, without what is None."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case list() | tuple():
            return "[" + ", ".join(toml_value(item) for item in value) + "]"
        case Mapping():
            inside = [f"{toml_key(k)} = {toml_value(v)}" for k, v in value.items() if v is not None]
            return "{ " + ", ".join(inside) + " }" if inside else "{}"
        case str() | Path():
            return _text(str(value))
    raise TypeError(f"no TOML for {type(value).__name__}")


def toml_key(key: str) -> str:
    """A key, quoted where it must be."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _text(key)


def _text(text: str) -> str:
    # JSON's strings are TOML's basic strings, but for DEL, which TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
