# SPDX-License-Identifier: Apache-2.0
"""What the page of metrics tells: `--metrics-config`, and what a model's configuration adds.

Settings are Triton's (`counter_latencies`, `summary_latencies`, `summary_quantiles`,
`histogram_latencies`) and two of our own: `histogram_buckets=100,500,1000`, microseconds for all
histograms of durations, and `FAMILY,buckets=...` for one of them.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from penstock.errors import OptionsError, RepositoryError

__all__ = ["HISTOGRAMS", "MetricSettings", "bounds_ns", "label_tags", "read_metric_settings"]

#: The histograms of durations, in the order of the core's durations.
HISTOGRAMS = (
    "nv_inference_request_duration_histogram_us",
    "nv_inference_queue_duration_histogram_us",
    "nv_inference_compute_input_duration_histogram_us",
    "nv_inference_compute_infer_duration_histogram_us",
    "nv_inference_compute_output_duration_histogram_us",
)
QUANTILES_DEFAULT: tuple[float, ...] = (0.5, 0.9, 0.95, 0.99, 0.999)
#: Of one histogram, and of the quantiles of a summary.
BOUNDS_MAX = 64
QUANTILES_MAX = 32
TAGS_MAX = 32
#: 68 s, beyond which no duration is told from another.
BOUND_US_MAX = float(1 << 36) / 1000
TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*")
#: What a line of this option may say.
WANTED = (
    "counter_latencies=BOOL, histogram_latencies=BOOL, summary_latencies=BOOL, "
    "summary_quantiles=QUANTILE:ERROR,..., histogram_buckets=MICROSECONDS,... or "
    "FAMILY,buckets=MICROSECONDS,..."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSettings:
    """Which forms of durations are told. `buckets` are microseconds by family."""

    has_counters: bool = True
    has_histograms: bool = True
    has_summaries: bool = False
    quantiles: tuple[float, ...] = QUANTILES_DEFAULT
    buckets: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


def read_metric_settings(lines: Sequence[str]) -> MetricSettings:
    """What `--metrics-config` says, later lines over earlier ones. Raises OptionsError."""
    switches = {"counter_latencies": True, "histogram_latencies": True, "summary_latencies": False}
    quantiles: tuple[float, ...] = QUANTILES_DEFAULT
    for_all: tuple[float, ...] = ()
    buckets: dict[str, tuple[float, ...]] = {}
    for line in lines:
        name, has_value, value = line.partition("=")
        value = value.strip('"')
        if not has_value:
            raise OptionsError(f"--metrics-config: wanted {WANTED}; found {line!r}.")
        family, has_family, setting = name.rpartition(",")
        if has_family and setting == "buckets" and family in HISTOGRAMS:
            buckets[family] = _bounds(value.split(","), where=_where(line), error=OptionsError)
        elif name in switches and value in ("true", "false"):
            switches[name] = value == "true"
        elif name == "summary_quantiles":
            quantiles = _quantiles(value, line)
        elif name == "histogram_buckets":
            for_all = _bounds(value.split(","), where=_where(line), error=OptionsError)
        else:
            raise OptionsError(f"--metrics-config: wanted {WANTED}; found {line!r}.")
    if for_all:
        buckets = dict.fromkeys(HISTOGRAMS, for_all) | buckets
    return MetricSettings(
        has_counters=switches["counter_latencies"],
        has_histograms=switches["histogram_latencies"],
        has_summaries=switches["summary_latencies"],
        quantiles=quantiles,
        buckets=buckets,
    )


def label_tags(tags: Mapping[str, str]) -> list[tuple[str, str]]:
    """A model's metric_tags as labels: as in Triton, a tag's name begins with "_" there.

    Raises RepositoryError for a name that Prometheus would not take.
    """
    if len(tags) > TAGS_MAX:
        raise RepositoryError(f"metric_tags: wanted at most {TAGS_MAX}, found {len(tags)}.")
    for name in tags:
        if not TAG.fullmatch(name):
            raise RepositoryError(
                f"metric_tags: {name!r} cannot be a label: wanted letters, digits and "
                "underscores, with no underscore first, for names with two of them are "
                "Prometheus' own."
            )
    return [(f"_{name}", tags[name]) for name in sorted(tags)]


def bounds_ns(
    buckets: Mapping[str, Sequence[float]], settings: MetricSettings
) -> tuple[list[list[int]], list[str]]:
    """The bounds of each histogram, in the order of HISTOGRAMS, the model's over the server's;
    and those families of `buckets` that there are no histograms of.

    An empty list is for powers of two. Raises RepositoryError for bounds that cannot be.
    """
    chosen = dict(settings.buckets)
    for family, bounds in buckets.items():
        where = f"model_metrics: buckets of {family}"
        if bounds:
            chosen[family] = _bounds(bounds, where=where, error=RepositoryError)
    unknown = sorted(set(buckets) - set(HISTOGRAMS))
    return [[round(us * 1000) for us in chosen.get(f, ())] for f in HISTOGRAMS], unknown


def _where(line: str) -> str:
    return f"--metrics-config {line}"


def _bounds(
    found: Sequence[str | float], *, where: str, error: type[OptionsError | RepositoryError]
) -> tuple[float, ...]:
    wanted = f"{where}: wanted at most {BOUNDS_MAX} rising numbers of microseconds"
    try:
        bounds = tuple(float(bound) for bound in found)
    except ValueError:
        raise error(f"{wanted}, found something that is no number.") from None
    if len(bounds) > BOUNDS_MAX:
        raise error(f"{wanted}, found {len(bounds)}.")
    for before, bound in zip((0.0, *bounds), bounds, strict=False):
        if not before < bound <= BOUND_US_MAX:
            raise error(f"{wanted}, each above 0 and within 68 s, found {bound:g}.")
        if not math.isclose(bound * 1000, round(bound * 1000), rel_tol=1e-9):
            raise error(f"{wanted}, each of whole nanoseconds, found {bound!r}.")
    return bounds


def _quantiles(value: str, line: str) -> tuple[float, ...]:
    quantiles = []
    for pair in value.split(","):
        quantile, has_error, error = pair.partition(":")
        try:
            numbers = float(quantile), float(error if has_error else "nan")
        except ValueError:
            numbers = (math.nan, math.nan)
        if not all(0 <= number <= 1 for number in numbers):
            raise OptionsError(
                "--metrics-config: wanted summary_quantiles=QUANTILE:ERROR,..., each from 0 to 1, "
                f"such as 0.5:0.05,0.99:0.001; found {line!r}."
            )
        quantiles.append(numbers[0])
    if len(quantiles) > QUANTILES_MAX:
        raise OptionsError(
            f"--metrics-config: wanted at most {QUANTILES_MAX} quantiles, found {len(quantiles)}."
        )
    return tuple(dict.fromkeys(quantiles))
