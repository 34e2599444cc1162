# SPDX-License-Identifier: Apache-2.0
"""A pipeline's file, read; or one sentence for each thing that is wrong with it."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from penstock_training.errors import SpecError
from penstock_training.spec.pipeline import PipelineSpec

__all__ = ["read_spec", "spec_of"]


def read_spec(path: Path, *, feature_names: Sequence[str] = ()) -> PipelineSpec:
    """Read the TOML file at `path`. `feature_names`: in place of those of its [package].

    Raises:
        SpecError: it is not there, is not TOML, or says what cannot be.
    """
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        raise SpecError(
            f"{path} is not there: name a pipeline's file; `penstock init` writes one."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path} cannot be read: {error}.") from None
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{path} is not TOML: {error}.") from None
    if feature_names and isinstance(tables.setdefault("package", {}), dict):
        tables["package"]["feature_names"] = list(feature_names)
    return spec_of(tables, source=str(path)).in_folder(path.resolve().parent)


def spec_of(tables: Mapping[str, Any], *, source: str = "spec") -> PipelineSpec:
    """Check the tables of a pipeline's file.

    Raises:
        SpecError: they say what cannot be; each line tells of one key.
    """
    try:
        return PipelineSpec.model_validate(dict(tables))
    except ValidationError as error:
        lines = [_sentence(source, detail) for detail in error.errors(include_url=False)]
        raise SpecError("\n".join(lines)) from None


def _sentence(source: str, detail: Mapping[str, Any]) -> str:
    place = _place(detail["loc"])
    kind, message = str(detail["type"]), str(detail["msg"])
    if kind == "extra_forbidden":
        return f"{source}: {place}: no such key; docs/training.md lists them."
    if kind == "missing":
        return f"{source}: {place}: is missing."
    said = message.removeprefix("Value error, ").rstrip(".")
    if kind == "value_error":
        return f"{source}: {place}: {said}."
    return f"{source}: {place}: {said[:1].lower()}{said[1:]}, found {detail['input']!r}."


def _place(location: Sequence[str | int]) -> str:
    """As in the file: [problem] metric, [features] step 2 kind."""
    tables = {"problem", "data", "split", "features", "candidates", "search", "evaluate"}
    tables |= {"explain", "package", "registry"}
    words = [str(part + 1) if isinstance(part, int) else part for part in location]
    if words and words[0] in tables:
        words[0] = f"[{words[0]}]"
    return " ".join(words) or "the file"
