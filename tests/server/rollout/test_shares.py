# SPDX-License-Identifier: Apache-2.0
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.rollout.shares import salt_of, shares_of


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_shares_are_whole_and_the_control_slice_is_no_larger_than_the_canary(bp: int) -> None:
    shares = shares_of(bp)
    assert sum(shares.values()) == 10_000 and min(shares.values()) >= 0
    assert shares["canary"] == bp and shares["control"] == min(bp, 10_000 - bp, 5000)


def test_salts_are_the_same_everywhere_and_another_for_each_rollout() -> None:
    assert salt_of("fraud", 1, 2, 1) == 0x25B475C70AE61F55
    salts = {salt_of("fraud", 1, 2, 1), salt_of("fraud", 1, 2, 2), salt_of("fraud", 2, 1, 1)}
    assert len(salts) == 3 and all(0 <= salt < 2**64 for salt in salts)
