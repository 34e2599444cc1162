# SPDX-License-Identifier: Apache-2.0
"""`penstock quantize`: smaller numbers for a model, if the metric allows them."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from penstock.errors import QuantizeError
from penstock.native.artifact import MAGIC, CompiledModel, read_artifact
from penstock.native.compiler import compile_file
from penstock.native.model_folder import write_model_folder
from penstock.native.quantize.data import bind_columns, read_columns
from penstock.native.quantize.evidence import evidence_json, machine_name, with_evidence
from penstock.native.quantize.gate import GatePlan, Verdict, run_gate
from penstock.native.quantize.latency import native_measure
from penstock.native.quantize.metrics import metric_named
from penstock.native.quantize.picture import draw
from penstock.native.quantize.trials import LayerReport, Trial

__all__ = ["print_verdict", "quantize_file", "quantize_to_folder", "read_model"]

PICTURE = "quantization.svg"


def read_model(path: Path) -> CompiledModel:
    """A compiled model, or what the compiler makes of any other."""
    try:
        with path.open("rb") as file:
            is_compiled = file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise QuantizeError(f"{path} cannot be read: {error.strerror or error}.") from None
    return read_artifact(path) if is_compiled else compile_file(path)


def quantize_file(
    console: Console, model_path: Path, data_path: Path, plan: GatePlan, *, label: str
) -> tuple[Verdict, CompiledModel | None]:
    """Runs the gate. The model, if one is chosen, carries the evidence."""
    metric = metric_named(plan.metric)
    with console.status("reading") as status:
        model = read_model(model_path)
        rows = bind_columns(
            model, read_columns(data_path), label=label, wants_labels=metric.needs_labels
        )
        verdict = run_gate(model, rows, plan, measure=native_measure(plan.rows), say=status.update)
    if verdict.chosen is None:
        return verdict, None
    evidence = evidence_json(verdict, data_name=data_path.name, machine=machine_name())
    return verdict, with_evidence(verdict.chosen.model, evidence)


def quantize_to_folder(
    console: Console,
    model_path: Path,
    data_path: Path,
    plan: GatePlan,
    *,
    label: str,
    folder: Path | None,
) -> None:
    """Runs the gate, prints what it found, and writes what it chose. Raises QuantizeError."""
    verdict, chosen = quantize_file(console, model_path, data_path, plan, label=label)
    print_verdict(console, verdict)
    if folder is not None and chosen is not None:
        written = write_model_folder(chosen, folder)
        _write_picture(verdict, folder / PICTURE, model_path.name)
        console.print(f"Written: {written} and {folder / PICTURE}", highlight=False, soft_wrap=True)
    if chosen is None:
        raise QuantizeError(verdict.refusal)


def _write_picture(verdict: Verdict, path: Path, title: str) -> None:
    try:
        path.write_text(draw(verdict, title), encoding="utf-8")
    except OSError as error:
        raise QuantizeError(f"{path} cannot be written: {error.strerror or error}.") from None


def print_verdict(console: Console, verdict: Verdict) -> None:
    """Prints a row for each form, each layer's error, and what is kept."""
    plan = verdict.plan
    console.print(
        f"{plan.metric} of output {verdict.output!r} was {verdict.baseline:.6g}; {plan.max_drop:g} "
        f"worse is allowed. {verdict.rows_calibrated} rows calibrated, {verdict.rows_judged} "
        "judged.",
        highlight=False,
    )
    console.print(_forms(verdict))
    console.print(_layers(verdict))
    for note in verdict.notes:
        console.print(Text(note, style="yellow"), soft_wrap=True)
    if (kept := verdict.chosen) is None:
        return
    if kept.form == "fp32":
        console.print("Nothing is quantised: fp32 is the fastest that passes.", style="bold")
    else:
        console.print(Text(f"{kept.form} is kept.", style="bold green"))


def _forms(verdict: Verdict) -> Table:
    rows = sorted({rows for trial in verdict.trials for rows in trial.latency_us})
    table = Table("Form", verdict.plan.metric, "Worse by", "", "Bytes")
    for column in table.columns[1:3] + table.columns[4:]:
        column.justify = "right"
    for column in table.columns:  # a number that is cut short is none; what is said is folded
        column.no_wrap = True
    for count in rows:
        table.add_column(f"us / {count} row{'s' if count > 1 else ''}", justify="right")
    table.add_column("How", overflow="fold")
    for trial in verdict.trials:
        table.add_row(
            trial.form,
            f"{trial.score:.6g}",
            f"{trial.drop:+.3g}" if trial.drop else "0",
            Text("passes", style="green") if trial.passes else Text("fails", style="red"),
            f"{trial.file_bytes:,}",
            *(f"{trial.latency_us[n]:.3g}" if n in trial.latency_us else "" for n in rows),
            Text(trial.note),
            style="bold" if trial is verdict.chosen else None,
        )
    for form, why in verdict.skipped.items():
        table.add_row(form, *[""] * (4 + len(rows)), Text(f"not tried: {why}"), style="dim")
    return table


def _layers(verdict: Verdict) -> Table:
    table = Table("Layer", title="Error in dB below what a layer writes: own / with those before")
    for trial in verdict.trials:
        table.add_column(trial.form, justify="right")
    for place, layer in enumerate(verdict.trials[0].layers):
        table.add_row(
            Text(f"{layer.name}  {layer.inputs} x {layer.outputs}"),
            *(_error(trial, trial.layers[place]) for trial in verdict.trials),
        )
    return table


def _error(trial: Trial, layer: LayerReport) -> Text:
    own, whole = (
        "exact" if error is None else f"{error:.0f}" for error in (layer.own_sqnr_db, layer.sqnr_db)
    )
    is_bad = layer.own_sqnr_db is not None and layer.own_sqnr_db < 20
    form = f" {layer.form}" if trial.form == "mixed" else ""
    both = own if own == whole else f"{own} / {whole}"
    return Text(both + form, style="red" if is_bad else "")
