# SPDX-License-Identifier: Apache-2.0
"""Families of metrics in Prometheus' text format, and those of shadows, whoever has one. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from penstock.rollout.evidence import ShadowCounts

__all__ = [
    "COUNTER",
    "GAUGE",
    "SHADOW_FAMILIES",
    "Labels",
    "Sample",
    "family_text",
    "shadow_samples",
]

Labels = tuple[tuple[str, str], ...]
Sample = tuple[Labels, float]
GAUGE, COUNTER = "gauge", "counter"

#: Family of a shadow -> its type and its help.
SHADOW_FAMILIES: Mapping[str, tuple[str, str]] = {
    "shadow_offered_total": (COUNTER, "Requests of which the shadow was to get a copy."),
    "shadow_dropped_total": (COUNTER, "Copies that were never executed."),
    "shadow_compared_total": (COUNTER, "Pairs of answers that were compared."),
    "shadow_agreed_total": (COUNTER, "Pairs that agreed within the tolerance."),
    "shadow_mismatched_total": (COUNTER, "Pairs whose answers differ in kind."),
    "shadow_failed_alone_total": (COUNTER, "Pairs in which only this side failed."),
}


def shadow_samples(shadow: ShadowCounts) -> Iterator[tuple[str, Labels, float]]:
    """What is told of one shadow."""
    name = (("shadow", shadow.name),)
    yield "shadow_offered_total", name, shadow.offered
    for reason, count in shadow.dropped.items():
        yield "shadow_dropped_total", (*name, ("reason", reason)), count
    yield "shadow_compared_total", name, shadow.compared
    yield "shadow_agreed_total", name, shadow.agreed
    for kind, count in shadow.mismatched.items():
        yield "shadow_mismatched_total", (*name, ("kind", kind)), count
    yield "shadow_failed_alone_total", (*name, ("side", "shadow")), shadow.discordant_shadow
    yield "shadow_failed_alone_total", (*name, ("side", "primary")), shadow.discordant_primary


def family_text(name: str, kind: str, told: str, samples: Iterable[Sample]) -> str:
    """One family with its help, its type and its samples."""
    lines = [f"# HELP {name} {told}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
        lines.append(f"{name}{{{inside}}} {_number(value)}")
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    """As the text format has it: whole numbers whole, and its own words for the infinite."""
    if isinstance(value, bool | int):
        return str(int(value))
    return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(text := repr(value), text)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
