# SPDX-License-Identifier: Apache-2.0
"""Traffic of one rollout with a fixed ramp, second by second, for judges to look at."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["RAMP", "Stream", "World", "stream_of"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

#: Seconds at each share of the canary, in basis points.
RAMP = ((600, 100), (600, 500), (600, 2500), (600, 5000))


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What traffic is like. Rates are parts of requests.

    `ratio`: the canary's rate of bad answers over stable's; `canary_rate`: instead of it, where
    stable has none. `swing`: how many times the day's highest rate is its lowest; a day lasts as
    long as the ramp. `outage_s`: seconds in which half of all requests fail, at a third of the
    time. `retries`: times that a client tries again after a bad answer, each bad again, a second
    apart. `poison_keys`: clients whose request fails once a minute, wherever it goes.
    """

    rps: float = 200.0
    base_rate: float = 0.005
    ratio: float = 1.0
    canary_rate: float | None = None
    swing: float = 1.0
    outage_s: int = 0
    retries: int = 0
    poison_keys: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """By second: requests and bad ones of the canary, of a control slice of the same share, and of
    stable with the control slice. By bad event, in their order: `events_*`.
    """

    shares: Floats
    canary: Ints
    control: Ints
    baseline: Ints
    canary_bad: Ints
    control_bad: Ints
    events_second: Ints
    events_canary: npt.NDArray[np.bool_]
    events_key: Ints


def stream_of(world: World, seed: int, *, ramp: tuple[tuple[int, int], ...] = RAMP) -> Stream:
    """One stream. The same world and seed give the same one."""
    random = np.random.default_rng(seed)
    shares = np.concatenate([np.full(seconds, bp / 10_000) for seconds, bp in ramp])
    seconds = len(shares)
    requests = random.poisson(world.rps, seconds)
    canary = random.binomial(requests, shares)
    control = random.binomial(requests - canary, np.minimum(shares / (1 - shares), 1.0))
    stable = requests - canary - control
    rates = _base_rates(world, seconds)
    canary_rates = rates * world.ratio
    if world.canary_rate is not None:
        canary_rates = np.full(seconds, world.canary_rate)
    first = seconds // 3
    rates[first : first + world.outage_s] = 0.5
    canary_rates[first : first + world.outage_s] = 0.5
    bad = [
        random.binomial(count, np.minimum(rate, 1.0))
        for count, rate in ((canary, canary_rates), (control, rates), (stable, rates))
    ]
    when, which = _events(random, bad)
    keys = np.arange(len(when))
    if world.retries:
        when, which, keys = _again(when, which, keys, world.retries, seconds)
    if world.poison_keys:
        when, which, keys = _poisoned(random, shares, when, which, keys, world.poison_keys)
    counts = [np.bincount(when[which == arm], minlength=seconds) for arm in range(3)]
    more = [counts[arm] - bad[arm] for arm in range(3)]  # retries and poison are requests, too
    return Stream(
        shares=shares,
        canary=canary + more[0],
        control=control + more[1],
        baseline=control + stable + more[1] + more[2],
        canary_bad=counts[0],
        control_bad=counts[1],
        events_second=when,
        events_canary=which == 0,
        events_key=keys,
    )


def _base_rates(world: World, seconds: int) -> Floats:
    if world.swing == 1.0:
        return np.full(seconds, world.base_rate)
    day = np.sin(2 * np.pi * np.arange(seconds) / seconds)
    return np.asarray(world.base_rate * np.sqrt(world.swing) ** day, dtype=np.float64)


def _events(random: np.random.Generator, bad: list[Ints]) -> tuple[Ints, Ints]:
    """When each bad answer came and of which arm, those of one second in any order."""
    seconds = np.arange(len(bad[0]))
    when = np.concatenate([np.repeat(seconds, counts) for counts in bad])
    which = np.concatenate([np.full(counts.sum(), arm) for arm, counts in enumerate(bad)])
    order = np.lexsort((random.random(len(when)), when))
    return when[order], which[order]


def _again(
    when: Ints, which: Ints, keys: Ints, retries: int, seconds: int
) -> tuple[Ints, Ints, Ints]:
    later = np.concatenate([when + again for again in range(retries + 1)])
    order = np.argsort(later, kind="stable")
    order = order[later[order] < seconds]
    return later[order], np.tile(which, retries + 1)[order], np.tile(keys, retries + 1)[order]


def _poisoned(
    random: np.random.Generator, shares: Floats, when: Ints, which: Ints, keys: Ints, count: int
) -> tuple[Ints, Ints, Ints]:
    """Each poisoned key has a bucket, so it is in the canary once the share reaches it."""
    parts = [(when, which, keys)]
    for number, bucket in enumerate(random.random(count)):
        seconds = np.arange(random.integers(60), len(shares), 60)
        canary = bucket < shares[seconds]
        control = (bucket >= 0.5) & (bucket < 0.5 + shares[seconds])
        parts.append(
            (
                seconds,
                np.where(canary, 0, np.where(control, 1, 2)),
                np.full(len(seconds), -1 - number),
            )
        )
    merged = [np.concatenate([part[index] for part in parts]) for index in range(3)]
    order = np.argsort(merged[0], kind="stable")
    return merged[0][order], merged[1][order], merged[2][order]
