# SPDX-License-Identifier: Apache-2.0
"""Pictures as inline SVG: they take their colours from the page, and each part tells its numbers.

Pure. Coordinates are rounded to a tenth of a pixel, for pages of a hundred columns to be small.
"""

import math
from collections.abc import Sequence
from html import escape

from penstock.drift import Effect
from penstock_monitoring.report.words import (
    EFFECT_NAMES,
    shown_effect,
    shown_number,
    shown_share,
    shown_time,
)

__all__ = ["bars", "effect_meter", "line", "lying_bars"]

WIDTH = 560
#: Of a bin, where there are few.
STEP_MAX = 72
#: Of the bars' plot.
HEIGHT = 150
TOP, BOTTOM, LEFT, RIGHT = 12, 24, 40, 6
LABELS_MAX = 6
SPECIALS = ("missing", "infinite")
NAME_MAX = 22
ROW = 22
#: Where names of categories end.
NAMES_WIDTH = 170
LINE_HEIGHT = 84
LINE_WIDTH = 270
METER_WIDTH = 150
METER_MAX = 0.4


def bars(
    names: Sequence[str],
    live: Sequence[float],
    reference: Sequence[float],
    *,
    what: str,
    side: str,
) -> str:
    """Bins of numbers from left to right: the reference's bars, and the live ones within them."""
    top = max((*live, *reference, 1e-9))
    count = len(names)
    step = min(STEP_MAX, (WIDTH - LEFT - RIGHT) / count)
    floor = TOP + HEIGHT
    parts = [_grid(top, floor)]
    for place, name in enumerate(names):
        x = LEFT + place * step
        old, new = HEIGHT * reference[place] / top, HEIGHT * live[place] / top
        told = _told(name, side, live[place], reference[place])
        parts.append(
            f"<g><title>{escape(told)}</title>"
            f"{_box('ref', x + step * 0.06, floor, step * 0.88, -old)}"
            f"{_box('live', x + step * 0.24, floor, step * 0.52, -new)}</g>"
        )
    parts.append(f'<path class="axis" d="M{LEFT} {floor}H{WIDTH - RIGHT}"/>')
    for place, label in _labels(names):
        x = LEFT + (place + 0.5) * step
        parts.append(f'<text class="mid" x="{_n(x)}" y="{floor + 16}">{escape(label)}</text>')
    return _svg(WIDTH, floor + BOTTOM, what, parts)


def lying_bars(
    names: Sequence[str],
    live: Sequence[float],
    reference: Sequence[float],
    *,
    what: str,
    side: str,
) -> str:
    """Categories from above: a bar of the reference, and the live one within it, by its name."""
    top = max((*live, *reference, 1e-9))
    room = WIDTH - NAMES_WIDTH - 64
    parts = []
    for place, name in enumerate(names):
        y = place * ROW + 2
        old, new = room * reference[place] / top, room * live[place] / top
        told = _told(name, side, live[place], reference[place])
        short = name if len(name) <= NAME_MAX else name[: NAME_MAX - 1] + "…"
        parts.append(
            f"<g><title>{escape(told)}</title>"
            f'<text class="end" x="{NAMES_WIDTH - 8}" y="{y + 13}">{escape(short)}</text>'
            f"{_box('ref', NAMES_WIDTH, y, old, 18)}{_box('live', NAMES_WIDTH, y + 5, new, 8)}"
            f'<text x="{_n(NAMES_WIDTH + max(old, new) + 8)}" y="{y + 13}">'
            f"{shown_share(live[place])}</text></g>"
        )
    parts.append(f'<path class="axis" d="M{NAMES_WIDTH} 0V{len(names) * ROW}"/>')
    return _svg(WIDTH, len(names) * ROW + 2, what, parts)


def line(
    spans: Sequence[tuple[float, float]],
    values: Sequence[float],
    *,
    what: str,
    is_share: bool = False,
    limit: float | None = None,
    starts_at_zero: bool = True,
    onset: float | None = None,
    is_told: bool = False,
) -> str:
    """Values of spans of time from left to right; `limit`: a line that they should stay below.

    `is_told`: each value tells itself to the pointer.
    """
    shown = shown_share if is_share else shown_number
    low, high = _range(values, limit, starts_at_zero)
    begin, end = spans[0][0], spans[-1][1]
    width, floor = LINE_WIDTH - LEFT - RIGHT, LINE_HEIGHT - 16

    def x_of(at: float) -> float:
        return LEFT + width * (at - begin) / max(end - begin, 1e-9)

    def y_of(value: float) -> float:
        return floor - (floor - TOP) * (value - low) / max(high - low, 1e-12)

    points = [
        (x_of((first + last) / 2), y_of(value))
        for (first, last), value in zip(spans, values, strict=True)
    ]
    path = "L".join(f"{_n(x)} {_n(y)}" for x, y in points)
    parts = [
        f'<text class="end" x="{LEFT - 6}" y="{TOP + 4}">{shown(high)}</text>',
        f'<text class="end" x="{LEFT - 6}" y="{floor + 3}">{shown(low)}</text>',
        f'<path class="axis" d="M{LEFT} {floor}H{LINE_WIDTH - RIGHT}"/>',
    ]
    if limit is not None and low <= limit <= high:
        parts.append(f'<path class="limit" d="M{LEFT} {_n(y_of(limit))}H{LINE_WIDTH - RIGHT}"/>')
    if onset is not None and begin <= onset <= end:
        parts.append(
            f'<path class="onset" d="M{_n(x_of(onset))} {TOP}V{floor}">'
            f"<title>began {shown_time(onset)}</title></path>"
        )
    first, last = points[0][0], points[-1][0]
    if starts_at_zero:
        parts.append(f'<path class="area" d="M{_n(first)} {floor}L{path}L{_n(last)} {floor}Z"/>')
    parts.append(f'<path class="line" d="M{path}"/>')
    for (x, y), (at, _), value in zip(points, spans, values, strict=True) if is_told else ():
        told = f"{shown_time(at).partition(' UTC')[0]}: {shown(value)}"
        parts.append(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="3"><title>{told}</title></circle>')
    parts.append(f'<text x="{LEFT}" y="{LINE_HEIGHT - 2}">{_at(begin, end)}</text>')
    parts.append(
        f'<text class="end" x="{LINE_WIDTH - RIGHT}" y="{LINE_HEIGHT - 2}">{_at(end, begin)}</text>'
    )
    return _svg(LINE_WIDTH, LINE_HEIGHT, what, parts)


def effect_meter(effect: Effect, *, warn: float, alarm: float) -> str:
    """An effect with its interval, beside where warnings and alarms begin."""

    def x_of(value: float) -> float:
        # Roots spread what is small, which is where one looks.
        root: float = (min(max(value, 0.0), METER_MAX) / METER_MAX) ** 0.5
        return 4 + (METER_WIDTH - 8) * root

    told = f"{EFFECT_NAMES[effect.name]} {shown_effect(effect.value)}, "
    told += f"{shown_effect(effect.low)} to {shown_effect(effect.high)}"
    parts = [
        f'<path class="track" d="M4 9H{METER_WIDTH - 4}"/>',
        f'<path class="tick" d="M{_n(x_of(warn))} 4V14M{_n(x_of(alarm))} 4V14"/>',
        f'<path class="whisker" d="M{_n(x_of(effect.low))} 9H{_n(x_of(effect.high))}"/>',
        f'<circle class="value" cx="{_n(x_of(effect.value))}" cy="9" r="4"/>',
    ]
    return _svg(METER_WIDTH, 18, f"{told}; warning at {warn}, alarm at {alarm}", parts, "meter")


def _box(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<path class="{kind}" d="M{_n(x)} {_n(y)}v{_n(height)}h{_n(width)}v{_n(-height)}z"/>'


def _svg(width: float, height: float, what: str, parts: Sequence[str], kind: str = "chart") -> str:
    return (
        f'<svg class="{kind}" viewBox="0 0 {_n(width)} {_n(height)}" role="img" '
        f'aria-label="{escape(what)}"><title>{escape(what)}</title>{"".join(parts)}</svg>'
    )


def _told(name: str, side: str, live: float, reference: float) -> str:
    return f"{name}: {side} {shown_share(live)}, reference {shown_share(reference)}"


def _grid(top: float, floor: int) -> str:
    """The shares that the plot's top and its middle stand for."""
    middle, end = floor - HEIGHT / 2, WIDTH - RIGHT
    return (
        f'<path class="grid" d="M{LEFT} {TOP}H{end}M{LEFT} {_n(middle)}H{end}"/>'
        f'<text class="end" x="{LEFT - 6}" y="{TOP + 4}">{shown_share(top)}</text>'
        f'<text class="end" x="{LEFT - 6}" y="{_n(middle + 4)}">{shown_share(top / 2)}</text>'
    )


def _labels(names: Sequence[str]) -> list[tuple[int, str]]:
    """Some bins' places, and what stands below them: where they begin, or what they are."""
    regular = [place for place, name in enumerate(names) if name not in SPECIALS]
    specials = [(place, name) for place, name in enumerate(names) if name in SPECIALS]
    most = min(len(regular), LABELS_MAX - len(specials))
    # As far apart as they can be: what stands below neighbours runs into one on a phone.
    step = max(1, math.ceil((len(regular) - 1) / max(1, most - 1)))
    chosen = [*regular[:-1:step], *regular[-1:]]
    if len(chosen) > 2 and chosen[-1] - chosen[-2] < step:
        del chosen[-2]
    if specials and chosen and chosen[-1] + 2 > specials[0][0] and len(chosen) > 1:
        chosen.pop()
    return [(place, _begin(names[place])) for place in chosen] + specials


def _begin(name: str) -> str:
    """[0.512345, 1.25) -> 0.512"""
    sign, _, number = name.rpartition(" ") if name[0] in "<>" else ("", "", name)
    try:
        begin = float(number.strip("[)").partition(",")[0])
    except ValueError:
        return name
    return f"{sign.replace('>=', '≥')} {shown_number(begin)}".strip()


def _range(
    values: Sequence[float], limit: float | None, starts_at_zero: bool
) -> tuple[float, float]:
    low, high = min(values), max(values)
    if limit is not None:
        high = max(high, limit * 1.25)
    if starts_at_zero:
        return 0.0, high or 1.0
    room = (high - low) * 0.1 or abs(high) * 0.1 or 1.0
    # Of what is never negative, neither is the axis.
    return (max(0.0, low - room) if low >= 0 else low - room), high + room


def _at(time: float, other: float) -> str:
    """A time at the end of an axis: its day, or where both are of one day its hour."""
    mine, others = shown_time(time), shown_time(other)
    day = mine.partition(",")[0]
    if day != others.partition(",")[0]:
        return day.rpartition(" ")[0]
    return shown_time(time, has_day=False)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
