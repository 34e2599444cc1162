# SPDX-License-Identifier: Apache-2.0
"""A rollout for people: its steps, guardrails and arms, and what it waits for. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from penstock.commands.rollout.shadow_picture import (
    named_counts,
    outputs_table,
    shadow_line,
    slices_table,
)
from penstock.commands.rollout.told import shown_day, shown_rate, shown_share, shown_time
from penstock_client import RolloutStatus
from penstock_client.rollouts import (
    ArmLatency,
    Epoch,
    GuardrailStatus,
    Transition,
)

__all__ = ["log_line", "picture", "rollouts_table", "state_text"]

FULL_BP = 10_000
ARMS = ("stable", "control", "canary")
STYLES: Mapping[str, str] = {
    "live": "bold green",
    "rolled_back": "bold red",
    "held": "bold yellow",
    "canary": "cyan",
    "shadow": "cyan",
}
#: Characters of a bar of evidence.
BAR = 12
#: A kind of bad events that are answers.
SLOW = "slow"
#: Of a log, the last ones.
LOG_LINES = 8


def picture(status: RolloutStatus) -> RenderableType:
    """Everything that a person wants to know of a rollout that goes on or has ended."""
    parts: list[RenderableType] = [_head(status), _why(status)]
    parts += _titled("Steps", _steps(status))
    if status.guardrails:
        parts += _titled("Guardrails", _guardrails(status.guardrails))
    if status.evidence.epochs:
        parts += _titled("Arms at the end" if status.is_over else "Arms", _arms(status))
    if lines := list(_lines(status)):
        parts += [Text(), *(Text(line) for line in lines)]
    for shadow in status.evidence.shadows:
        if shadow.outputs:
            parts += _titled("Outputs of the shadow", outputs_table(shadow.outputs))
        if shadow.worst:
            parts += _titled("Where they disagree most", slices_table(shadow.worst))
    if status.log:
        parts += _titled("Log", _log(status.log[-LOG_LINES:]))
    return Group(*parts)


def rollouts_table(rollouts: Sequence[RolloutStatus]) -> Table:
    """A row for each rollout."""
    table = _table()
    for title in ("Rollout", "Model"):
        table.add_column(title, overflow="fold")
    for title in ("Stable", "Candidate", "Share"):
        table.add_column(title, justify="right")
    table.add_column("State")
    table.add_column("Began", overflow="fold")
    for one in rollouts:
        share = "" if one.state == "rolled_back" else shown_share(one.canary_bp)
        versions = (str(one.stable), str(one.candidate))
        began = Text(shown_day(one.started_ms))
        table.add_row(Text(one.id), Text(one.model), *versions, share, state_text(one), began)
    return table


def state_text(status: RolloutStatus) -> Text:
    """The state in its colour, and whether it is paused."""
    words = status.state.replace("_", " ") + (", paused" if status.is_paused else "")
    return Text(words, STYLES.get(status.state, ""))


def log_line(line: Transition) -> Text:
    """A line of a rollout's log."""
    time = (f"{shown_time(line.wall_ms)}  ", "dim")
    return Text.assemble(time, _where(line), "  ", (f"{line.by}: ", "dim"), line.why)


def _log(lines: Sequence[Transition]) -> Table:
    table = _table()
    table.show_header = False
    table.add_column(style="dim")
    table.add_column(no_wrap=True)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for line in lines:
        table.add_row(shown_time(line.wall_ms), _where(line), Text(line.by), Text(line.why))
    return table


def _where(line: Transition) -> Text:
    share = f" {shown_share(line.canary_bp)}" if line.state in ("canary", "held") else ""
    return Text(line.state.replace("_", " ") + share, STYLES.get(line.state, ""))


def _head(status: RolloutStatus) -> Text:
    share = f" at {shown_share(status.canary_bp)}" if status.state in ("canary", "held") else ""
    ended = status.ended_ms
    until = "" if ended is None else f", ended {shown_day(ended)}"
    return Text.assemble(
        (status.model, "bold"), f": version {status.stable} → {status.candidate}, ",
        state_text(status), f"{share}\n",
        (f"{status.id}, began {shown_day(status.started_ms)}{until}", "dim"),
    )  # fmt: skip


def _why(status: RolloutStatus) -> Text:
    return Text(status.why, STYLES.get(status.state, "") if status.is_over else "")


def _steps(status: RolloutStatus) -> Table:
    """When each step began, and what it showed."""
    table = _table()
    table.add_column("")
    table.add_column("Step")
    table.add_column("Began")
    for title in ("Requests", "Failed", "Rate", "Stable's"):
        table.add_column(title, justify="right")
    began = {_step_of(line): line.wall_ms for line in reversed(status.log)}
    by_share = _by_share(status.evidence.epochs)
    names = _step_names(status)
    last = next((name for name in map(_step_of, reversed(status.log)) if name in names), "")
    for name in names:
        at = shown_time(began[name]) if name in began else ""
        counts = _counted(by_share.get(name, ()))
        is_here = name == last and status.state != "live"
        mark = _here(status) if is_here else Text("✓" if at else "", "green")
        table.add_row(mark, Text(name, "bold" if is_here else ""), at, *counts)
    return table


def _here(status: RolloutStatus) -> Text:
    """The mark of the step that a rollout is at, or that it came to."""
    return Text("✗", "red") if status.state == "rolled_back" else Text("▸", "cyan")


def _step_names(status: RolloutStatus) -> list[str]:
    spec = status.spec
    stages = [stage for stage in _numbers(spec.get("stages_bp")) if stage < FULL_BP]
    shadow = ["shadow"] if spec.get("shadow") else []
    return [*shadow, *(shown_share(stage) for stage in stages), "live"]


def _numbers(value: Any) -> list[int]:
    return [int(one) for one in value] if isinstance(value, list | tuple) else []


def _step_of(line: Transition) -> str:
    return _step_name(line.state, line.canary_bp)


def _step_name(state: str, canary_bp: int) -> str:
    return shown_share(canary_bp) if state in ("canary", "held") and canary_bp else state


def _by_share(epochs: Iterable[Epoch]) -> dict[str, list[Epoch]]:
    found: dict[str, list[Epoch]] = {}
    for epoch in epochs:
        found.setdefault(shown_share(epoch.shares_bp.get("canary", 0)), []).append(epoch)
    return found


def _counted(epochs: Sequence[Epoch]) -> tuple[str, str, str, str]:
    """Requests of the canary, failed ones, their rate, and that of stable and control."""
    requests, failed = _sums(epochs, ("canary",))
    if not requests:
        return ("", "", "", "")
    others, others_failed = _sums(epochs, ("stable", "control"))
    rates = (shown_rate(failed, requests), shown_rate(others_failed, others))
    return (f"{requests:,}", f"{failed:,}", *rates)


def _sums(epochs: Sequence[Epoch], arms: Sequence[str]) -> tuple[int, int]:
    """Requests of these arms, and those that failed. Slow ones did not, and are not counted for
    stable.
    """
    counts = [epoch.arms[arm] for epoch in epochs for arm in arms if arm in epoch.arms]
    failed = (n for one in counts for kind, n in one.bad.items() if kind != SLOW)
    return sum(one.requests for one in counts), sum(failed)


def _guardrails(guardrails: Sequence[GuardrailStatus]) -> Table:
    """How much speaks against the candidate, of what would end it."""
    table = _table()
    table.add_column("")
    table.add_column("Against it")
    table.add_column("ln E", justify="right")
    table.add_column("limit", justify="right")
    table.add_column("Times stable's rate", justify="right")
    table.add_column("Gate")
    for one in guardrails:
        part = max(0.0, min(1.0, one.log_e / one.log_limit)) if one.log_limit > 0 else 0.0
        gate = Text("passed", "green") if one.is_passed else Text("not yet", "yellow")
        table.add_row(
            Text(one.name), _bar(part), f"{one.log_e:.2f}", f"{one.log_limit:.2f}",
            _interval(one), gate,
        )  # fmt: skip
    return table


def _bar(part: float) -> Text:
    full = round(part * BAR)
    style = "red" if part >= 1 else "yellow" if part >= 0.5 else "green"
    return Text.assemble(("█" * full, style), ("░" * (BAR - full), "dim"))


def _interval(one: GuardrailStatus) -> str:
    if one.ratio_low <= 0 and one.ratio_high == float("inf"):
        return "nothing known"
    return f"{one.ratio_low:.2f} to {one.ratio_high:.2f}".replace("inf", "∞")


def _arms(status: RolloutStatus) -> Table:
    """What each arm has answered until now."""
    table = _table()
    table.add_column("")
    for title in ("Share", "Requests", "Failed", "Rate", "p50 ms", "p99 ms"):
        table.add_column(title, justify="right")
    table.add_column("Bad by kind", overflow="fold")
    latency = {one.arm: one for one in status.evidence.latency}
    epochs = status.evidence.epochs
    for arm in ARMS:
        requests, failed = _sums(epochs, (arm,))
        share = epochs[-1].shares_bp.get(arm, 0)
        if not requests and not share:
            continue
        times = [_quantile(latency.get(arm), part) for part in (0.5, 0.99)]
        numbers = (f"{requests:,}", f"{failed:,}", shown_rate(failed, requests))
        table.add_row(arm, shown_share(share), *numbers, *times, Text(_kinds(epochs, arm)))
    return table


def _kinds(epochs: Sequence[Epoch], arm: str) -> str:
    totals: dict[str, int] = {}
    for epoch in epochs:
        for kind, count in epoch.arms[arm].bad.items() if arm in epoch.arms else ():
            totals[kind] = totals.get(kind, 0) + count
    return named_counts(totals)


def _quantile(latency: ArmLatency | None, part: float) -> str:
    """In milliseconds; empty: nothing was measured."""
    total = 0 if latency is None else sum(one.count for one in latency.buckets)
    if latency is None or not total:
        return ""
    seen = 0
    for bucket in latency.buckets:
        seen += bucket.count
        if seen >= part * total:
            return f"{bucket.ns / 1e6:.3g}"
    return ""


def _lines(status: RolloutStatus) -> Iterator[str]:
    evidence = status.evidence
    for shadow in evidence.shadows:
        yield shadow_line(shadow)
    others = {
        "without a part in it": evidence.excluded,
        "failed by the canary and answered by stable": evidence.retried,
        "answered by stable while the canary was not loaded": evidence.canary_missing,
    }
    told = [f"{count:,} {what}" for what, count in others.items() if count]
    if told:
        yield f"Requests: {'; '.join(told)}."
    if evidence.seen_is_full:
        yield "More keys came than can be told apart (keys_max): keys are counted no more."
    if status.clock_jumps:
        yield f"The wall clock was set {status.clock_jumps} times; nothing is reckoned by it."


def _titled(title: str, table: Table) -> list[RenderableType]:
    return [Text(f"\n{title}", "bold"), table]


def _table() -> Table:
    return Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
