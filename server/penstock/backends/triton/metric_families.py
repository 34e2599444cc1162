# SPDX-License-Identifier: Apache-2.0
"""`pb_utils.MetricFamily` and `Metric`: what models count themselves, on the metrics page.

A family lives as long as some model holds it, a metric likewise; several instances may make the
same one, and then share it. There is one page, so the families of a process are one table, which
`metrics_text` shows.
"""

import math
import re
import threading
import weakref
from collections.abc import Mapping, Sequence
from itertools import pairwise

from penstock.backends.triton.current import has_own_process
from penstock.backends.triton.failures import TritonModelException

__all__ = ["Metric", "MetricFamily", "metrics_text"]

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
#: The server's own families.
TAKEN_PREFIXES = ("nv_", "penstock_")
METRICS_MAX = 10_000

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"


class _Series:
    """The value under one set of labels."""

    def __init__(self, family: "_Family", labels: str, buckets: tuple[float, ...]) -> None:
        self.family = family  # which lives as long as one of its series
        self.labels = labels
        self.lock = threading.Lock()
        self.value = 0.0
        self.bounds = buckets
        self.counts = [0] * len(buckets)
        self.observed = 0

    def lines(self) -> list[str]:
        name, labels = self.family.name, self.labels
        with self.lock:
            if self.family.kind != HISTOGRAM:
                return [f"{name}{_braced(labels)} {_number(self.value)}"]
            below = 0
            lines = []
            for bound, count in zip(self.bounds, self.counts, strict=True):
                below += count
                lines.append(f"{name}_bucket{_braced(labels, _le(_number(bound)))} {below}")
            return [
                *lines,
                f"{name}_bucket{_braced(labels, _le('+Inf'))} {self.observed}",
                f"{name}_sum{_braced(labels)} {_number(self.value)}",
                f"{name}_count{_braced(labels)} {self.observed}",
            ]


class _Family:
    def __init__(self, name: str, description: str, kind: str) -> None:
        self.name = name
        self.description = description
        self.kind = kind
        self.series: weakref.WeakValueDictionary[str, _Series] = weakref.WeakValueDictionary()


_lock = threading.Lock()
_families: weakref.WeakValueDictionary[str, _Family] = weakref.WeakValueDictionary()


class MetricFamily:
    """Metrics of one name and kind."""

    COUNTER = COUNTER
    GAUGE = GAUGE
    HISTOGRAM = HISTOGRAM

    def __init__(self, name: str, description: str, kind: str) -> None:
        """Raises TritonModelException for a name that is none, is taken, or has another kind."""
        if has_own_process():
            raise TritonModelException(
                "Models in processes of their own (penstock.isolation) have no metrics of their "
                "own yet: the metrics page is the server's."
            )
        if kind not in (COUNTER, GAUGE, HISTOGRAM):
            raise TritonModelException(
                f"metric family {name!r}: wanted the kind COUNTER, GAUGE or HISTOGRAM, "
                f"found {kind!r}."
            )
        if not NAME.fullmatch(name) or name.startswith(TAKEN_PREFIXES):
            raise TritonModelException(
                f"metric family {name!r}: wanted a name of letters, digits, _ and :, that begins "
                f"with none of {', '.join(TAKEN_PREFIXES)}, which are the server's."
            )
        with _lock:
            family = _families.get(name)
            if family is None:
                family = _families[name] = _Family(name, description, kind)
        if family.kind != kind:
            raise TritonModelException(
                f"metric family {name!r} is a {family.kind} already: wanted the same kind, "
                f"found {kind}."
            )
        self._family = family

    def Metric(
        self, labels: Mapping[str, str] | None = None, buckets: Sequence[float] | None = None
    ) -> "Metric":
        """The family's metric with these labels; a histogram's first maker says its `buckets`."""
        return Metric(self._family, labels or {}, buckets)


class Metric:
    """One value. Made by a family; its methods may be called on any thread."""

    def __init__(
        self, family: _Family, labels: Mapping[str, str], buckets: Sequence[float] | None
    ) -> None:
        """Raises TritonModelException for labels or buckets that cannot be shown."""
        told = _labels(family.name, labels)
        bounds = _bounds(family, buckets)
        with _lock:
            series = family.series.get(told)
            if series is None:
                if len(family.series) >= METRICS_MAX:
                    raise TritonModelException(
                        f"metric family {family.name!r} has {METRICS_MAX} metrics, which is all "
                        "that it may have."
                    )
                series = family.series[told] = _Series(family, told, bounds)
        self._series = series

    def increment(self, value: float) -> None:
        """Adds `value`: to a counter at least 0, to a gauge any."""
        series = self._of(COUNTER, GAUGE, verb="increment")
        if series.family.kind == COUNTER and not value >= 0:
            raise TritonModelException(
                f"counter {series.family.name!r}: wanted an increment of at least 0, found {value}."
            )
        with series.lock:
            series.value += value

    def set(self, value: float) -> None:
        """Makes a gauge `value`."""
        series = self._of(GAUGE, verb="set")
        with series.lock:
            series.value = float(value)

    def observe(self, value: float) -> None:
        """Counts `value` in a histogram."""
        series = self._of(HISTOGRAM, verb="observe")
        with series.lock:
            series.value += value
            series.observed += 1
            for i, bound in enumerate(series.bounds):
                if value <= bound:
                    series.counts[i] += 1
                    break

    def value(self) -> float:
        """Of a counter or a gauge."""
        series = self._of(COUNTER, GAUGE, verb="value")
        with series.lock:
            return series.value

    def _of(self, *kinds: str, verb: str) -> _Series:
        family = self._series.family
        if family.kind not in kinds:
            raise TritonModelException(f"metric {family.name!r} is a {family.kind}: no {verb}().")
        return self._series


def metrics_text() -> str:
    """All that models of this process count, in Prometheus' text format."""
    lines: list[str] = []
    with _lock:
        families = sorted(_families.values(), key=lambda family: family.name)
        series = {family.name: list(family.series.values()) for family in families}
    for family in families:
        if not series[family.name]:
            continue
        lines.append(f"# HELP {family.name} {_escaped(family.description, quotes=False)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        for one in sorted(series[family.name], key=lambda one: one.labels):
            lines += one.lines()
    return "".join(f"{line}\n" for line in lines)


def _labels(family: str, labels: Mapping[str, str]) -> str:
    for name in labels:
        if not LABEL.fullmatch(name) or name.startswith("__") or name == "le":
            raise TritonModelException(
                f"metric {family!r}: label {name!r} is none: wanted letters, digits and _, and "
                "neither le nor a name that begins with __."
            )
    return ",".join(f'{name}="{_escaped(str(labels[name]))}"' for name in sorted(labels))


def _bounds(family: _Family, buckets: Sequence[float] | None) -> tuple[float, ...]:
    if family.kind != HISTOGRAM:
        if buckets is not None:
            raise TritonModelException(f"metric {family.name!r} is a {family.kind}: no buckets.")
        return ()
    bounds = tuple(float(bound) for bound in buckets or ())
    if not bounds or any(not a < b for a, b in pairwise(bounds)):
        raise TritonModelException(
            f"histogram {family.name!r}: wanted buckets that ascend, found {list(bounds)}."
        )
    return bounds


def _braced(labels: str, more: str = "") -> str:
    inside = ",".join(part for part in (labels, more) if part)
    return f"{{{inside}}}" if inside else ""


def _le(bound: str) -> str:
    return f'le="{bound}"'


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if math.isnan(value):
        return "NaN"
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def _escaped(text: str, *, quotes: bool = True) -> str:
    escaped = text.replace("\\", r"\\").replace("\n", r"\n")
    return escaped.replace('"', r"\"") if quotes else escaped
