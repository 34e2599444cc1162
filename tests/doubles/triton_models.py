# SPDX-License-Identifier: Apache-2.0
"""Writes models for Triton's Python backend into a repository, as Triton's documents teach."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.doubles.model_files import Tensor, add_config, config_text

#: How each such model.py begins.
HEAD = """
import json
import numpy as np
import triton_python_backend_utils as pb_utils
"""

X: list[Tensor] = [("x", "TYPE_FP32", [2])]
Y: list[Tensor] = [("y", "TYPE_FP32", [2])]


def parameter(key: str, value: str) -> str:
    """A line of a configuration."""
    return f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }} '


def isolation(kind: str) -> str:
    """The line that runs a model in a process of its own ("process"), or in the server's."""
    return parameter("penstock.isolation", kind)


def add_triton(
    repository: Path,
    name: str,
    code: str,
    more: str,
    *,
    inputs: Sequence[Tensor] = X,
    outputs: Sequence[Tensor] = Y,
    **beside: str,
) -> None:
    """A model.py of HEAD and `code`; `beside` are files beside it, by their names without .py."""
    text = config_text(list(inputs), list(outputs), f'backend: "python" {more}')
    folder = add_config(repository, name, text)
    (folder / "model.py").write_text(HEAD + code)
    for file, content in beside.items():
        (folder / f"{file}.py").write_text(content)
