# SPDX-License-Identifier: Apache-2.0
"""Numbers, shares, times and names as a page says them. Pure."""

from datetime import UTC, datetime
from math import exp, isfinite, log

from penstock.drift.status import EffectName

__all__ = [
    "EFFECT_NAMES",
    "RATE_NAMES",
    "live_word",
    "plural",
    "shown_count",
    "shown_effect",
    "shown_number",
    "shown_p_value",
    "shown_share",
    "shown_span",
    "shown_time",
]

EFFECT_NAMES: dict[EffectName, str] = {
    "psi": "PSI",
    "js": "Jensen-Shannon",
    "ks": "Kolmogorov-Smirnov",
    "wasserstein": "Wasserstein",
    "tv": "Total variation",
}
RATE_NAMES = {
    "missing": "Missing",
    "infinite": "Infinite",
    "below": "Below the reference",
    "above": "Above the reference",
    "unseen": "Other categories",
}
#: Of large numbers, beside "k" from 100,000 on: beside pictures there is room for six characters.
_PREFIXES = {"T": 1e12, "G": 1e9, "M": 1e6}
#: Below this floats have no p-value but 0.
LOG_P_MIN = -690.0


def shown_number(value: float) -> str:
    """With three significant digits: 0.238, 12.3, 4,560, 120k, 12M, 1e+20."""
    if not isfinite(value):
        return "∞" if value > 0 else "-∞" if value < 0 else "unknown"
    if value == 0:
        return "0"
    size = abs(value)
    for prefix, scale in _PREFIXES.items():
        if 0.9995 * scale <= size < 999.5 * scale:
            return f"{value / scale:.3g}{prefix}"
    if size >= 1e6 or 0 < size < 1e-3:
        return f"{value:.3g}".replace("e-0", "e-").replace("e+0", "e+")
    if size >= 99_950:
        return f"{value / 1e3:.0f}k"
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if size >= 1 else f"{value:.3f}"


def shown_effect(value: float) -> str:
    """An effect: what is less than a thousandth matters to nobody."""
    return "<0.001" if 0 < value < 0.001 else shown_number(value)


def shown_share(share: float) -> str:
    """Per cent, with as many digits as tell it from none and from all."""
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    if share < 0.0001:
        return "<0.01%"
    if share > 0.9999:
        return ">99.99%"
    return f"{share:.2%}" if share < 0.01 or share > 0.99 else f"{share:.1%}"


def shown_p_value(log_p: float) -> str:
    """A p-value, given as its natural logarithm."""
    return f"1e{log_p / log(10):.0f}" if log_p < LOG_P_MIN else f"{exp(log_p):.3g}"


def shown_count(count: int) -> str:
    """With commas between thousands."""
    return f"{count:,}"


def shown_time(seconds: float, *, has_day: bool = True) -> str:
    """A time in UTC: 27 Nov 2026, 14:05 UTC; "unknown" of what no calendar has."""
    try:
        at = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return "unknown"
    return f"{at.day} {at:%b %Y, %H:%M} UTC" if has_day else f"{at:%H:%M}"


def shown_span(begin: float, end: float) -> str:
    """A span of time; the day is said once where both ends are on it."""
    first, last = shown_time(begin), shown_time(end)
    if first.partition(",")[0] == last.partition(",")[0]:
        return f"{first.removesuffix(' UTC')} to {shown_time(end, has_day=False)} UTC"
    return f"{first.removesuffix(' UTC')} to {last}"


def live_word(*, is_of_tables: bool) -> str:
    """What the rows are called that stand beside the reference's."""
    return "current" if is_of_tables else "live"


def plural(count: int, one: str, several: str = "") -> str:
    """`1 column`, `2 columns`."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"
