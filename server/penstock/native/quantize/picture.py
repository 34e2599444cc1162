# SPDX-License-Identifier: Apache-2.0
"""A verdict as an SVG that needs nothing else: metric, latency and size of each form, and where in
the net the error comes from.
"""

from collections.abc import Callable, Sequence
from html import escape

from penstock.native.quantize.gate import Verdict
from penstock.native.quantize.trials import LayerReport, Trial

__all__ = ["draw"]

WIDTH, MARGIN = 980, 28
NAMES_WIDTH, PANEL_GAP = 120, 26
ROW, HEAD = 34, 118
CELL_HEIGHT = 26
LAYERS_MAX = 14
#: Drops up to so many times the allowed one have their place; those beyond stand at the edge.
DROPS_SHOWN = 3.0

INK, QUIET, LINE, PAPER = "#1b2733", "#6b7885", "#d9dfe5", "#ffffff"
KEPT, PASSES, FAILS, BAND = "#0b7a75", "#7fb8b4", "#c4553b", "#e6f3f2"
#: Decibels -> the colour of a cell: the first whose bound the error does not reach.
HEAT = ((10, "#c4553b"), (20, "#e08b5a"), (30, "#f0c48a"), (40, "#e4ead0"), (1e9, "#b9dcd3"))


def draw(verdict: Verdict, title: str) -> str:
    """The text of the SVG; `title` names the model."""
    top = HEAD + ROW * len(verdict.trials)
    layers = _shown_layers(verdict)
    height = top + 74 + CELL_HEIGHT * len(verdict.trials) + 64
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-label="{escape(_headline(verdict))}" '
        'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>',
        _text(MARGIN, 38, _headline(verdict), size=19, weight=600),
        _text(MARGIN, 60, f"{title}: {_subline(verdict)}", color=QUIET),
    ]
    left = MARGIN + NAMES_WIDTH
    panel = (WIDTH - MARGIN - left - 2 * PANEL_GAP) / 3
    for place, trial in enumerate(verdict.trials):
        parts += _name(trial, verdict, HEAD + ROW * place)
    parts += _drops(verdict, left, panel)
    parts += _latencies(verdict, left + panel + PANEL_GAP, panel)
    parts += _bars(
        verdict,
        left + 2 * (panel + PANEL_GAP),
        panel,
        "Bytes of the file",
        [float(trial.file_bytes) for trial in verdict.trials],
        _bytes,
    )
    parts += _heat(verdict, layers, top + 44)
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _headline(verdict: Verdict) -> str:
    if (kept := verdict.chosen) is None:
        return f"No form keeps {verdict.plan.metric} within {verdict.plan.max_drop:g}"
    return (
        f"{kept.form} is kept: {verdict.plan.metric} {kept.score:.5g}, was {verdict.baseline:.5g}"
    )


def _subline(verdict: Verdict) -> str:
    return (
        f"at most {verdict.plan.max_drop:g} worse is allowed; {verdict.rows_calibrated} rows "
        f"calibrated, {verdict.rows_judged} judged"
    )


def _color(trial: Trial, verdict: Verdict) -> str:
    if trial is verdict.chosen:
        return KEPT
    return PASSES if trial.passes else FAILS


def _text(
    x: float,
    y: float,
    what: str,
    *,
    size: int = 13,
    color: str = INK,
    anchor: str = "start",
    weight: int = 400,
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{color}" '
        f'text-anchor="{anchor}" font-weight="{weight}">{escape(what)}</text>'
    )


def _rect(x: float, y: float, width: float, height: float, color: str, radius: float = 2) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" '
        f'rx="{radius:g}" fill="{color}"/>'
    )


def _name(trial: Trial, verdict: Verdict, y: float) -> list[str]:
    is_kept = trial is verdict.chosen
    mark = [_rect(MARGIN - 12, y + 7, 4, ROW - 14, KEPT)] if is_kept else []
    weight = 600 if is_kept else 400
    return [*mark, _text(MARGIN, y + 22, trial.form, size=14, weight=weight)]


def _panel_title(x: float, what: str) -> str:
    return _text(x, HEAD - 14, what, color=QUIET, size=12)


def _drops(verdict: Verdict, x: float, width: float) -> list[str]:
    """A dot for each form, from better on the left to worse on the right, and the allowed band."""
    allowed = verdict.plan.max_drop
    shown = DROPS_SHOWN * allowed if allowed else max([t.drop for t in verdict.trials] + [1e-6])
    room = width - 78  # the number stands to the right

    def at(drop: float) -> float:
        return x + room * (min(max(drop, -shown / 3), shown) + shown / 3) / (shown * 4 / 3)

    bottom = HEAD + ROW * len(verdict.trials)
    parts = [
        _panel_title(x, f"{verdict.plan.metric}: worse by"),
        _rect(at(-shown), HEAD, at(allowed) - at(-shown), bottom - HEAD, BAND, 3),
        f'<line x1="{at(0):.1f}" x2="{at(0):.1f}" y1="{HEAD}" y2="{bottom}" stroke="{QUIET}" '
        'stroke-dasharray="2 3"/>',
        _text(at(0), bottom + 16, "0", size=11, color=QUIET, anchor="middle"),
        _text(at(allowed), bottom + 16, f"{allowed:g} allowed", size=11, color=QUIET),
    ]
    for place, trial in enumerate(verdict.trials):
        y, color = HEAD + ROW * place + ROW / 2, _color(trial, verdict)
        parts.append(
            f'<line x1="{at(0):.1f}" x2="{at(trial.drop):.1f}" y1="{y}" y2="{y}" '
            f'stroke="{color}" stroke-width="2"/>'
        )
        if trial.drop > shown:
            tip = at(shown)
            parts.append(
                f'<path d="M{tip - 3:.1f} {y - 6} L{tip + 6:.1f} {y} L{tip - 3:.1f} {y + 6} Z" '
                f'fill="{color}"/>'
            )
        else:
            parts.append(f'<circle cx="{at(trial.drop):.1f}" cy="{y}" r="5.5" fill="{color}"/>')
        ink = INK if trial.passes else FAILS
        parts.append(_text(x + width, y + 4.5, _drop(trial.drop), color=ink, anchor="end"))
    return parts


def _drop(drop: float) -> str:
    return "0" if drop == 0 else f"{drop:+.2g}"


def _latencies(verdict: Verdict, x: float, width: float) -> list[str]:
    rows = verdict.plan.rows
    title = f"Microseconds a call of {rows} row{'s' if rows > 1 else ''}"
    if all(rows in trial.latency_us for trial in verdict.trials):
        values = [trial.latency_us[rows] for trial in verdict.trials]
        return _bars(verdict, x, width, title, values, lambda value: f"{value:.3g}")
    middle = HEAD + ROW * len(verdict.trials) / 2
    return [
        _panel_title(x, title),
        _text(x + width / 2, middle + 4, "not measured", color=QUIET, anchor="middle"),
    ]


def _bars(
    verdict: Verdict,
    x: float,
    width: float,
    title: str,
    values: Sequence[float],
    said: Callable[[float], str],
) -> list[str]:
    most = max(values)
    parts = [_panel_title(x, title)]
    for place, (trial, value) in enumerate(zip(verdict.trials, values, strict=True)):
        y = HEAD + ROW * place
        length = (width - 66) * value / most
        parts += [
            _rect(x, y + 9, length, ROW - 18, _color(trial, verdict)),
            _text(x + length + 8, y + 22, said(value)),
        ]
    return parts


def _bytes(count: float) -> str:
    for unit, size in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} B"


def _shown_layers(verdict: Verdict) -> list[int]:
    """Places of the layers that are drawn: all, or those that hurt most."""
    reports = verdict.trials[0].layers
    if len(reports) <= LAYERS_MAX:
        return list(range(len(reports)))

    def worst(place: int) -> float:
        errors = [trial.layers[place].own_sqnr_db for trial in verdict.trials]
        return min((error for error in errors if error is not None), default=1e9)

    return sorted(sorted(range(len(reports)), key=worst)[:LAYERS_MAX])


def _heat(verdict: Verdict, layers: Sequence[int], y: float) -> list[str]:
    left = MARGIN + NAMES_WIDTH
    cell = min((WIDTH - MARGIN - left) / max(len(layers), 1), 150)
    some = f" (the {len(layers)} worst)" if len(layers) < len(verdict.trials[0].layers) else ""
    parts = [
        _text(
            MARGIN,
            y,
            f"Where it hurts: each layer's own error, in dB below what it writes{some}",
            weight=600,
        ),
    ]
    for column, place in enumerate(layers):
        layer = verdict.trials[0].layers[place]
        room = int(cell / 7)
        name = layer.name if len(layer.name) <= room else layer.name[: max(room - 1, 1)] + "…"
        parts.append(
            _text(left + cell * (column + 0.5), y + 24, name, size=12, color=QUIET, anchor="middle")
        )
    for line, trial in enumerate(verdict.trials):
        top = y + 32 + CELL_HEIGHT * line
        weight = 600 if trial is verdict.chosen else 400
        parts.append(_text(MARGIN, top + 17, trial.form, weight=weight))
        for column, place in enumerate(layers):
            names_form = trial.form == "mixed" and cell >= 100
            parts += _cell(trial.layers[place], left + cell * column, top, cell, names_form)
    parts.append(
        _text(
            MARGIN,
            y + 32 + CELL_HEIGHT * len(verdict.trials) + 22,
            "20 dB: the error is a tenth of the signal; 40 dB: a hundredth. A dash: no error.",
            size=12,
            color=QUIET,
        )
    )
    return parts


def _cell(layer: LayerReport, x: float, y: float, width: float, names_form: bool) -> list[str]:
    error = layer.own_sqnr_db
    color = "#f2f4f6" if error is None else next(c for bound, c in HEAT if error < bound)
    ink = PAPER if color == HEAT[0][1] else INK
    said = "-" if error is None else f"{error:.0f}"
    said = f"{said}  {layer.form}" if names_form else said
    note = f"<title>{escape(f'{layer.name}: {layer.form}, {layer.inputs} to {layer.outputs}')}"
    return [
        f"<g>{note}</title>",
        _rect(x + 1, y + 1, width - 2, CELL_HEIGHT - 2, color),
        _text(x + width / 2, y + 17, said, size=12, color=ink, anchor="middle"),
        "</g>",
    ]
