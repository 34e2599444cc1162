# SPDX-License-Identifier: Apache-2.0
"""`penstock compile`: a folder for backend native of a model that people have."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from penstock.native.artifact import CompiledModel
from penstock.native.compiler import compile_file
from penstock.native.model_folder import write_model_folder
from penstock.native.options import CompileOptions
from penstock_client._proto import native_artifact_pb2 as pb

__all__ = ["compile_to_folder", "print_compiled"]


def compile_to_folder(
    console: Console, model_path: Path, options: CompileOptions, *, folder: Path
) -> None:
    """Compiles a file, writes the folder, and prints what became of it.

    Raises ModelFileError, NotCompiledError or ArtifactError; then nothing is written.
    """
    with console.status("compiling"):
        model = compile_file(model_path, options)
        written = write_model_folder(model, folder)
    print_compiled(console, model, written)


def print_compiled(console: Console, model: CompiledModel, written: Path) -> None:
    """Prints what was compiled, its steps, its tensors and its size."""
    manifest = model.manifest
    table = Table.grid(padding=(0, 2))
    table.add_row("Source", Text(manifest.source))
    table.add_row("Steps", Text(_steps(manifest.steps)))
    table.add_row("Inputs", _ports(manifest.inputs))
    table.add_row("Outputs", _ports(manifest.outputs))
    table.add_row("Bytes", f"{len(model.content):,}")
    console.print(table)
    for note in model.notes:
        console.print(Text(f"ONNX Runtime runs {note}", style="yellow"), soft_wrap=True)
    console.print(f"Written: {written}", highlight=False, soft_wrap=True, markup=False)


def _steps(steps: Iterable[pb.Step]) -> str:
    """Each kind and how many there are of it: "Affine, 2 Dense, Forest of 100 trees"."""
    counts: Counter[str] = Counter()
    for step in steps:
        kind = str(step.WhichOneof("what")).title().replace("_", "")
        if kind == "Forest":
            kind += f" of {step.forest.roots.bytes // 4} trees"
        counts[kind] += 1
    words = [f"{count} {kind}" if count > 1 else kind for kind, count in counts.items()]
    return ", ".join(words) or "none"


def _ports(ports: Iterable[pb.Port]) -> Text:
    lines = (f"{port.name}: {port.datatype}{[-1, *port.dims]}" for port in ports)
    return Text("\n".join(lines))
