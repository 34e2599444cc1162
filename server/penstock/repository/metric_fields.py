# SPDX-License-Identifier: Apache-2.0
"""What a configuration says of a model's metrics: labels and buckets. Pure."""

import math
import re
from itertools import pairwise

from penstock.errors import RepositoryError
from penstock.repository.config_file import ModelConfig

__all__ = ["metric_buckets", "metric_tags"]

LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
#: Labels that the metrics of every model have.
OWN_LABELS = frozenset({"model", "version", "gpu_uuid", "reason", "le", "quantile"})


def metric_tags(config: ModelConfig) -> dict[str, str]:
    """Labels for the metrics of the model, besides its name and version."""
    for name in config.metric_tags:
        if not LABEL.fullmatch(name) or name.startswith("__"):
            raise RepositoryError(
                f"metric_tags has {name!r}: wanted a label's name, of letters, digits and _, that "
                "begins with no digit and not with __."
            )
        if name in OWN_LABELS:
            raise RepositoryError(
                f"metric_tags has {name!r}, which is a label of the server's own."
            )
    return dict(sorted(config.metric_tags.items()))


def metric_buckets(config: ModelConfig) -> dict[str, tuple[float, ...]]:
    """Family of histograms -> the upper bounds of its buckets, ascending."""
    found: dict[str, tuple[float, ...]] = {}
    for control in config.model_metrics.metric_control:
        family = control.metric_identifier.family
        buckets = tuple(control.histogram_options.buckets)
        if not family or not buckets:
            raise RepositoryError(
                "model_metrics.metric_control wants a metric_identifier with a family and "
                "histogram_options with buckets."
            )
        if family in found:
            raise RepositoryError(f"model_metrics.metric_control has the family {family!r} twice.")
        rising = all(low < high for low, high in pairwise(buckets))
        if not rising or not all(math.isfinite(bound) for bound in buckets):
            raise RepositoryError(
                f"model_metrics.metric_control of {family!r} has buckets {list(buckets)}: wanted "
                "finite bounds, each above the one before."
            )
        found[family] = buckets
    return found
