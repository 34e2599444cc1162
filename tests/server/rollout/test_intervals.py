# SPDX-License-Identifier: Apache-2.0
"""Arms' buckets: all of them, each once, and kept by an arm that grows."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from penstock.rollout.intervals import Interval, arm_intervals, shared_intervals
from penstock.rollout.shares import shares_of
from penstock.rollout.spec import FULL_BP

CANARY_BP = st.integers(0, FULL_BP)


def buckets(intervals: Iterable[Interval]) -> list[int]:
    """Every bucket of these intervals."""
    return [bucket for begin, end in intervals for bucket in range(begin, end)]


@st.composite
def shares(draw: st.DrawFn) -> list[int]:
    """Shares of one to sixteen arms, which sum to 10000."""
    cuts = sorted(draw(st.lists(CANARY_BP, max_size=15)))
    return [b - a for a, b in zip([0, *cuts], [*cuts, FULL_BP], strict=True)]


@given(CANARY_BP)
def test_the_arms_of_a_rollout_have_every_bucket_once(canary_bp: int) -> None:
    arms = arm_intervals(shares_of(canary_bp))
    assert sorted(buckets(one for arm in arms.values() for one in arm)) == list(range(FULL_BP))
    assert {role: len(buckets(arm)) for role, arm in arms.items()} == dict(shares_of(canary_bp))


@given(CANARY_BP, CANARY_BP)
def test_whoever_is_in_the_canary_stays_as_it_grows(one: int, other: int) -> None:
    small, large = sorted((one, other))
    before = set(buckets(arm_intervals(shares_of(small))["canary"]))
    assert before <= set(buckets(arm_intervals(shares_of(large))["canary"]))


@given(shares())
def test_the_arms_of_a_route_have_every_bucket_once(shares_bp: list[int]) -> None:
    arms = shared_intervals(shares_bp)
    assert [len(buckets(arm)) for arm in arms] == shares_bp
    assert sorted(buckets(one for arm in arms for one in arm)) == list(range(FULL_BP))


@given(st.integers(1, 15), st.data())
def test_an_arm_that_grows_in_its_region_takes_of_the_first_arm_alone(
    count: int, data: st.DataObject
) -> None:
    region = FULL_BP // count
    others = data.draw(st.lists(st.integers(0, region), min_size=count, max_size=count))
    grown = data.draw(st.integers(0, count - 1))
    more = data.draw(st.integers(others[grown], region))
    after = [more if i == grown else share for i, share in enumerate(others)]
    one = shared_intervals([FULL_BP - sum(others), *others])
    two = shared_intervals([FULL_BP - sum(after), *after])
    for i in range(count):
        if i == grown:
            assert set(buckets(one[1 + i])) <= set(buckets(two[1 + i]))
        else:
            assert buckets(one[1 + i]) == buckets(two[1 + i])


def test_an_arm_beyond_its_region_lies_in_what_others_leave() -> None:
    assert shared_intervals([0, 2_000, 8_000]) == [
        [],
        [(0, 2_000)],
        [(5_000, 10_000), (2_000, 5_000)],
    ]
