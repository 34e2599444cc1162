# SPDX-License-Identifier: Apache-2.0
"""Options from a TOML file and from flags; flags win.

Each source is checked by itself, so that an error names the place that must be mended: the file and
its key path, or the flag. In the file a value has its own type (`8001`, not `"8001"`); a flag is
text and is read as the option's type.
"""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from penstock.config.options import ServerOptions
from penstock.errors import OptionsError

__all__ = ["flag_name", "read_options"]


def flag_name(option: str) -> str:
    """The flag of an option: "grpc_port" is "--grpc-port"."""
    return "--" + option.replace("_", "-")


def read_options(
    file: Path | None = None, flags: Mapping[str, str | Sequence[str]] | None = None
) -> ServerOptions:
    """The options of `file` with `flags` laid over them.

    `flags` maps an option's name to its text, or to several where the flag may be repeated. Raises
    OptionsError with a line for each thing that is wrong.
    """
    chosen: dict[str, Any] = {}
    if file is not None:
        chosen |= _set_options(_read_toml(file), source=f"{file}: ", is_text=False)
    if flags:
        given: dict[str, Any] = dict(flags)
        if "backend_config" in given:
            given["backend_config"] = _backend_settings(given["backend_config"])
        from_flags = _set_options(given, source="", is_text=True)
        if "backend_config" in from_flags and "backend_config" in chosen:
            from_flags["backend_config"] = _merged(
                chosen["backend_config"], from_flags["backend_config"]
            )
        chosen |= from_flags
    options = ServerOptions.model_validate(chosen)
    if options.require_signed and not options.package_public_key:
        raise OptionsError(
            "--require-signed is true, but there is no key: wanted --package-public-key FILE, "
            "once or more."
        )
    return options


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise OptionsError(f"{file}: cannot be read: {error.strerror}.") from None
    except ValueError as error:  # tomllib's error, or text that is not UTF-8
        raise OptionsError(f"{file}: is not TOML: {error}.") from None


def _set_options(given: Mapping[str, Any], *, source: str, is_text: bool) -> dict[str, Any]:
    """What `given` sets, checked; the defaults are left out."""
    try:
        options = ServerOptions.model_validate(given, strict=not is_text)
    except ValidationError as error:
        lines = [f"{source}{_sentence(detail, is_text=is_text)}" for detail in error.errors()]
        raise OptionsError("\n".join(lines)) from None
    return {name: getattr(options, name) for name in options.model_fields_set}


def _sentence(detail: ErrorDetails, *, is_text: bool) -> str:
    path = ".".join(str(part) for part in detail["loc"])
    where = flag_name(str(detail["loc"][0])) if is_text and detail["loc"] else path
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(detail["loc"][-1]), ServerOptions.model_fields, n=1)
        return f"{where}: there is no such option" + (f"; did you mean {near[0]}?" if near else ".")
    wanted = detail["msg"].removeprefix("Input should be ").partition(", unable to")[0]
    if wanted.startswith(("less", "greater")):
        wanted = f"a number {wanted}"
    return f"{where}: wanted {wanted}, found {detail['input']!r}."


def _backend_settings(texts: Sequence[str]) -> dict[str, dict[str, str]]:
    """BACKEND,KEY=VALUE texts by backend; the empty name is for KEY=VALUE, which means all."""
    settings: dict[str, dict[str, str]] = {}
    for text in texts:
        assignment, has_value, value = text.partition("=")
        backend, has_backend, key = assignment.rpartition(",")
        if not has_value or not key or (has_backend and not backend.strip(", ")):
            raise OptionsError(
                f"--backend-config: wanted BACKEND,KEY=VALUE, found {text!r}; "
                "for example onnxruntime,default-max-batch-size=64."
            )
        settings.setdefault(backend, {})[key] = value
    return settings


def _merged(
    below: Mapping[str, Mapping[str, str]], above: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, str]]:
    return {
        backend: {**below.get(backend, {}), **above.get(backend, {})}
        for backend in {**below, **above}
    }
