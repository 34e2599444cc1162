# SPDX-License-Identifier: Apache-2.0
"""The `penstock` command: one Typer tree; each verb calls the library.

Imports inside the verbs are there so that `penstock --help` answers at once.
"""

import logging
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from penstock import __version__
from penstock.cli_drift import drift_app
from penstock.cli_registry import LOCAL_REGISTRY, RegistryUri, registry_app
from penstock.cli_rollout import rollout_app
from penstock.cli_routes import routes
from penstock.commands.options import LOCAL, Timeout, Url
from penstock.commands.sentences import Debug, sentences
from penstock.config.flags import OptionCommand, with_option_flags

__all__ = ["app", "main"]

app = typer.Typer(
    name="penstock",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

app.add_typer(drift_app, name="drift")
app.add_typer(registry_app, name="registry")
app.add_typer(rollout_app, name="rollout")
app.command()(routes)

Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", "-i", metavar="NAME=VALUE", help="JSON or @FILE.npy. May be repeated."),
]
PLUGINS = "penstock.commands"


def _version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"penstock {__version__}")
        raise typer.Exit


@app.callback()
def penstock(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """An inference server whose path from socket to batch to kernel is native code."""


@app.command(cls=OptionCommand)
@with_option_flags
def serve(
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="TOML file; flags override it.")
    ] = None,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print the options as TOML, and exit.")
    ] = False,
    debug: Debug = False,
    **flags: Any,
) -> None:
    """Serve the models of a repository until SIGTERM or Ctrl-C."""
    with sentences(debug):
        from penstock.config import options_as_toml, read_options, without_triton_flags

        own_flags, unused = without_triton_flags(flags)
        options = read_options(config, own_flags)
        if print_config:
            typer.echo(options_as_toml(options), nl=False)
            return
        from penstock.logs import start_logging

        output = start_logging(options.log_choice, file=options.log_file)
        unused += [f"--backend-config={one}" for one in options.backend_settings_without_effect]
        if unused:
            logging.getLogger(__name__).warning(
                "flags_without_effect",
                extra={"flags": " ".join(unused), "meaning": "see docs/triton.md"},
            )
        from penstock.app import serve as run_server

        run_server(options, Console(), output)


@app.command()
def infer(
    model: str,
    inputs: Inputs = None,
    url: Url = LOCAL,
    version: Annotated[str, typer.Option(help="Version of the model; none: the latest.")] = "",
    timeout: Timeout = 60.0,
    debug: Debug = False,
) -> None:
    """Send one request to a model and print its outputs."""
    with sentences(debug):
        from penstock.commands.infer import print_outputs
        from penstock.commands.tensors import read_inputs
        from penstock_client import Client

        with Client(url) as client:
            metadata = client.model_metadata(model, version, timeout=timeout)
            arrays = read_inputs(inputs or [], metadata)
            result = client.infer(model, arrays, version=version, timeout=timeout)
        print_outputs(Console(), result)


@app.command()
def models(
    names: Annotated[list[str] | None, typer.Argument(help="Models to ask about.")] = None,
    model_repository: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Ask about every model of this folder. May be repeated."),
    ] = None,
    url: Url = LOCAL,
    timeout: Timeout = 10.0,
    debug: Debug = False,
) -> None:
    """Show what a server says of its models. Exits 1 if one is not ready."""
    with sentences(debug):
        from penstock.commands.models import describe_models, print_models
        from penstock.repository.layout import find_models
        from penstock_client import Client

        wanted = [*(names or []), *(model.name for model in find_models(model_repository or []))]
        with Client(url, retry=None) as client:
            server = client.server_metadata(timeout=timeout)
            described = describe_models(client, wanted, timeout)
        print_models(Console(), url, server, described)
    if not all(model.is_ready for model in described):
        raise typer.Exit(1)


@app.command()
def bench(
    model: str,
    inputs: Inputs = None,
    url: Url = LOCAL,
    version: Annotated[str, typer.Option(help="Version of the model; none: the latest.")] = "",
    concurrency: Annotated[int, typer.Option("--concurrency", "-c", min=1, max=65536)] = 16,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to measure.")] = 10.0,
    rows: Annotated[int, typer.Option(min=1, help="Rows per request.")] = 1,
    expect: Annotated[
        Path | None,
        typer.Option(metavar="FILE.npz", help="Right outputs by name, a row for each input row."),
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0, help="Difference of floats that is no error, relative.")
    ] = 1e-4,
    timeout: Timeout = 10.0,
    debug: Debug = False,
) -> None:
    """Load a model with requests and check every answer. Exits 1 if one is wrong or fails."""
    with sentences(debug):
        from penstock.commands.bench import BenchPlan, print_bench, run_bench

        plan = BenchPlan(
            model=model,
            version=version,
            inputs=tuple(inputs or ()),
            rows=rows,
            concurrency=concurrency,
            seconds=seconds,
            expect=expect,
            tolerance=tolerance,
            timeout_s=timeout,
        )
        result = run_bench(url, plan, Console())
        print_bench(Console(), result)
    if result.failed or result.wrong:
        raise typer.Exit(1)


@app.command(name="compile")
def compile_(
    model: Annotated[Path, typer.Argument(help="ONNX, LightGBM's text, XGBoost's JSON or UBJSON.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="Write a model folder here."),
    ],
    fast: Annotated[
        bool, typer.Option("--fast", help="float32 in any order, not the library's arithmetic.")
    ] = False,
    input_datatype: Annotated[
        str, typer.Option(help="FP32 or FP64, of rows that trees read; none: the library's.")
    ] = "",
    debug: Debug = False,
) -> None:
    """Compile a model for backend native. Exits 1 if it has no native form."""
    with sentences(debug):
        from penstock.commands.compile import compile_to_folder
        from penstock.native.options import CompileOptions

        options = CompileOptions(is_exact=not fast, input_datatype=input_datatype)
        compile_to_folder(Console(), model, options, folder=output)


@app.command()
def quantize(
    model: Annotated[Path, typer.Argument(help="A compiled model, or one that can be compiled.")],
    data: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Rows as the model sees them: .parquet, .csv, .npz."),
    ],
    metric: Annotated[
        str,
        typer.Option(help="auc, accuracy, logloss, f1, rmse, mae, r2, or agreement (no labels)."),
    ] = "agreement",
    max_drop: Annotated[float, typer.Option(help="How much worse the metric may become.")] = 0.001,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Write the chosen model and a picture here."
        ),
    ] = None,
    label: Annotated[str, typer.Option(help="Column with what is right.")] = "",
    answer: Annotated[str, typer.Option(help="Output that the metric is taken of.")] = "",
    forms: Annotated[str, typer.Option(help="Those to try, with commas between; none: all.")] = "",
    rows: Annotated[int, typer.Option(min=1, help="Rows of the call whose latency decides.")] = 1,
    debug: Debug = False,
) -> None:
    """Quantise a model's dense layers as far as a metric allows. Exits 1 if no form passes."""
    with sentences(debug):
        from penstock.commands.quantize import quantize_to_folder
        from penstock.native.quantize.gate import plan_of

        plan = plan_of(metric=metric, max_drop=max_drop, output=answer, forms=forms, rows=rows)
        quantize_to_folder(Console(), model, data, plan, label=label, folder=output)


@app.command()
def predict(
    model: Annotated[
        str,
        typer.Argument(help="A package, a model's folder, a file, or models:/NAME@ALIAS."),
    ],
    input_: Annotated[
        str,
        typer.Option(
            "--input",
            "-i",
            metavar="FILE",
            help="Rows: Parquet, Arrow or CSV; a file, a folder, a pattern or a URL.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Answers: .parquet, .arrow, .feather or .csv."
        ),
    ],
    registry: RegistryUri = LOCAL_REGISTRY,
    registry_allow_code: Annotated[
        bool,
        typer.Option(
            "--registry-allow-code",
            help="A version of the registry that is no package may run the code that it brings.",
        ),
    ] = False,
    public_key: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="PEM file: the package must be signed with its key. May be repeated: with the "
            "key of any of them.",
        ),
    ] = None,
    feature_columns: Annotated[
        str,
        typer.Option(
            metavar="A,B,...", help="Columns of the input, in order; for models without names."
        ),
    ] = "",
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="The output has it as well. May be repeated."),
    ] = None,
    keep_all: Annotated[bool, typer.Option("--keep-all", help="All columns of the input.")] = False,
    bad_rows: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="List of rows without an answer; none: OUTPUT.bad.csv."),
    ] = None,
    max_bad_rows: Annotated[
        int | None, typer.Option(min=0, help="More of them stop the run; none: any number goes.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an output that exists.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew where a run was interrupted.")
    ] = False,
    threads: Annotated[
        int | None, typer.Option(help="That answer at a time; none: one per core.")
    ] = None,
    batch_rows: Annotated[int, typer.Option(help="Rows that are answered at a time.")] = 32_768,
    batch_bytes: Annotated[int, typer.Option(help="The same in bytes of input.")] = 16 << 20,
    part_rows: Annotated[
        int, typer.Option(help="Rows that are kept at a time for a run that goes on.")
    ] = 262_144,
    ray: Annotated[
        str, typer.Option(metavar="ADDRESS", help="A Ray cluster answers; auto: the one here.")
    ] = "",
    debug: Debug = False,
) -> None:
    """Answer all rows of files, in bounded memory. The same command goes on with a broken run."""
    with sentences(debug):
        from penstock.commands.predict import predict_to_file
        from penstock.predict import PredictOptions, ReadingBounds

        options = PredictOptions(
            model=model,
            input=input_,
            output=output,
            registry=registry,
            registry_allow_code=registry_allow_code,
            public_keys=tuple(public_key or ()),
            feature_columns=tuple(filter(None, feature_columns.split(","))),
            keep=None if keep_all else tuple(keep or ()),
            bad_rows=bad_rows,
            bad_rows_max=max_bad_rows,
            overwrites=overwrite,
            restarts=restart,
            threads=threads,
            bounds=ReadingBounds(chunk_rows=batch_rows, chunk_bytes=batch_bytes),
            part_rows=part_rows,
            ray=ray,
        )
        predict_to_file(Console(stderr=True), options)


@app.command()
def verify(
    package: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a packaged version.")],
    public_key: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="PEM file: it must be signed with the key of this one. May be repeated: with "
            "any of them.",
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    """Check all of a package: its digests, its signature, its parts. Exits 1 if one is wrong."""
    with sentences(debug):
        from penstock.commands.verify import verify_folder

        is_right = verify_folder(Console(), package, public_key or ())
    if not is_right:
        raise typer.Exit(1)


def add_plugged_in() -> None:
    """Let packages outside the server add their commands: entry points of PLUGINS, each a function
    that takes the Typer tree. They must be cheap to import.
    """
    for entry in sorted(entry_points(group=PLUGINS), key=lambda entry: entry.name):
        entry.load()(app)


def main() -> None:
    """The console script."""
    add_plugged_in()
    app(prog_name="penstock")
