# SPDX-License-Identifier: Apache-2.0
"""The native compiled form of a model, where there is one and it answers as the graph does."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import ModelFileError, NotCompiledError
from penstock.package.answers import Arrays, compiled_answers, difference_of

__all__ = ["COMPILED_FILE", "NativeForm", "add_native_form"]

COMPILED_FILE = "model.pnst"


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeForm:
    """What became of the compilation."""

    #: What serves the version: native or onnxruntime.
    backend: str
    #: Why it is not native, or which parts of it are not.
    reason: str = ""


def add_native_form(
    folder: Path, asked: Sequence[tuple[Arrays, Arrays]], *, tolerance: float
) -> NativeForm:
    """Compile model.onnx in `folder` to model.pnst beside it, and hold its answers against those
    that are expected.

    `asked`: inputs, and what is expected of them. `tolerance`: the relative difference of numbers
    that is let pass. A form that differs more is removed again.
    """
    from penstock.native.artifact import write_artifact
    from penstock.native.compiler import compile_file

    model, path = folder / "model.onnx", folder / COMPILED_FILE
    try:
        compiled = compile_file(model)
    except (NotCompiledError, ModelFileError) as error:
        return NativeForm(backend="onnxruntime", reason=str(error).removeprefix(f"{model}: "))
    write_artifact(compiled, path)
    for inputs, expected in asked:
        found = compiled_answers(path, inputs)
        if told := difference_of(found, expected, tolerance=tolerance):
            path.unlink()
            return NativeForm(backend="onnxruntime", reason=f"the compiled model differs: {told}")
    return NativeForm(backend="native", reason=compiled.notes[0] if compiled.notes else "")
