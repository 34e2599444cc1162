# SPDX-License-Identifier: Apache-2.0
"""Models of backend native that are compiled as they are loaded, and what is said of it.

`penstock models` shows the property `compilation`.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from penstock.errors import ArtifactError, NotCompiledError
from penstock.native.artifact import MAGIC, read_manifest
from penstock.native.onnx.model_file import looks_like_onnx
from penstock.plain_text import sayable
from penstock.repository.config_file import ModelConfig, WrittenConfig
from penstock.repository.plan import ModelPlan

__all__ = [
    "PROPERTY",
    "LeftToOnnxRuntime",
    "compiled",
    "left_to_onnxruntime",
    "with_parts",
    "with_reason",
]

log = logging.getLogger(__name__)

PROPERTY = "compilation"
LINE_MAX = 400  # characters


class LeftToOnnxRuntime(Exception):
    """An ONNX model of which nothing compiles, or not enough to gain by; says which node."""


@contextmanager
def compiled(plan: ModelPlan) -> Iterator[ModelPlan]:
    """The plan to load: `plan` itself, or one for what its file was compiled to.

    That is a file in memory, which is gone afterwards: the core reads a model whole. Raises
    ModelFileError or NotCompiledError, which name the file, or LeftToOnnxRuntime.
    """
    path = plan.model_path
    if plan.backend != "native" or _is_compiled(path):
        yield plan
        return
    from penstock.native.compiler import compile_file  # takes a while, and few need it

    try:
        model = compile_file(path)
    except NotCompiledError as error:
        if looks_like_onnx(path.read_bytes()):
            raise LeftToOnnxRuntime(str(error).removeprefix(f"{path}: ")) from None
        raise
    line = f"compiled from {path.name} as it was loaded"
    if model.notes:
        line += f"; ONNX Runtime runs {model.notes[0]}"
        _warn(plan, model.notes)
    with os.fdopen(os.memfd_create(path.name), "wb") as file:
        file.write(model.content)
        file.flush()
        yield replace(_noted(plan, line), model_path=Path(f"/proc/self/fd/{file.fileno()}"))


def left_to_onnxruntime(written: WrittenConfig) -> WrittenConfig:
    """The configuration of a model that backend onnxruntime serves instead."""
    config = ModelConfig()
    config.CopyFrom(written.config)
    config.backend, config.platform = "onnxruntime", ""
    return replace(written, config=config)


def with_reason(plan: ModelPlan, left: LeftToOnnxRuntime) -> ModelPlan:
    """The plan of such a model, which says why."""
    _warn(plan, [str(left)])
    return _noted(plan, f"not compiled, ONNX Runtime runs it: {left}")


def with_parts(plan: ModelPlan) -> ModelPlan:
    """The plan of a compiled model, which names the steps that ONNX Runtime runs."""
    try:
        steps = read_manifest(plan.model_path).steps
    except ArtifactError:  # a load says what is wrong
        return plan
    names = [step.name for step in steps if step.WhichOneof("what") == "onnx"]
    if not names:
        return plan
    return _noted(plan, f"ONNX Runtime runs {len(names)} of {len(steps)} steps: {', '.join(names)}")


def _warn(plan: ModelPlan, why: Sequence[str]) -> None:
    log.warning(
        "model_left_to_onnxruntime",
        extra={"model": plan.name, "version": plan.version, "reason": sayable(why[0])},
    )


def _noted(plan: ModelPlan, line: str) -> ModelPlan:
    """A property of that name in the configuration stays."""
    if any(name == PROPERTY for name, _ in plan.notes.properties):
        return plan
    properties = (*plan.notes.properties, (PROPERTY, sayable(line)[:LINE_MAX]))
    return replace(plan, notes=replace(plan.notes, properties=properties))


def _is_compiled(path: Path) -> bool:
    """A file that cannot be read, a load tells of."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC or path.suffix == ".pnst"
    except OSError:
        return True
