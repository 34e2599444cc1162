# SPDX-License-Identifier: Apache-2.0
"""What the fuzzers of routing and judging begin with, in the bytes that each reads."""

import hmac
from collections.abc import Sequence

#: Of fuzz_forced_arm.cc.
KEYS = (b"the first of two secrets", b"and the second one")
NOW = 1_800_000_000

CANARY, NON_FINITE, LATENCY = 1 << 3, 2 << 1, 1


def signed(arm: bytes, expires: int, key: bytes) -> bytes:
    text = b"\n".join((b"m", arm, b"%d" % expires))
    return b"%s;%d;%s" % (arm, expires, hmac.new(key, text, "sha256").hexdigest().encode())


def forced_arm_seeds() -> dict[str, bytes]:
    return {
        "signed": b"\0" + signed(b"canary", NOW + 60, KEYS[0]),
        "signed_by_the_second": b"\0" + signed(b"stable", NOW + 60, KEYS[1]),
        "signed_by_somebody_else": b"\0" + signed(b"canary", NOW + 60, b"another"),
        "to_be_signed": b"\x01canary;1800000060",
        "expired": b"\x01canary;1799999999",
        "for_ever": b"\x02canary;9223372036854775807",
        "beyond_64_bits": b"\x02canary;99999999999999999999",
        "negative": b"\x01canary;-1",
        "line_in_the_name": b"\x01a\nb;1800000060",
        "no_name": b"\x01;1800000060",
        "nothing": b"\0",
    }


def route(arms: int, pieces: Sequence[tuple[int, int]]) -> bytes:
    """`pieces`: width and arm of each, the last one to the end."""
    head = b"\1" + b"\0\0\0\7" + bytes([arms])
    named = b"".join(b"\1\1\1" + bytes([role % 4]) for role in range(1, arms + 1))
    cut = bytes([len(pieces)])
    for i, (width, arm) in enumerate(pieces):
        cut += b"" if i + 1 == len(pieces) else width.to_bytes(2, "big")
        cut += b"\1" + bytes([arm])
    return head + named + cut + b"\0" + b"\0\0\0" + b"\x04user\1\1" * 4


def arms_seeds() -> dict[str, bytes]:
    return {
        "rollout": route(3, [(100, 2), (399, 0), (100, 1), (0, 0)]),
        "one_arm": route(1, [(0, 0)]),
        "no_arm": route(0, []),
        "too_many_arms": route(19, [(10, i) for i in range(19)]),
    }


def event(bits: int, share: int, key: int, baseline_good: int = 9) -> bytes:
    head = bytes([bits, 0]) + share.to_bytes(2, "big")
    return head + b"\1" + key.to_bytes(4, "big") + bytes([baseline_good])


def judge_seeds() -> dict[str, bytes]:
    options = b"\0\0\0\1\xff\3\0"
    slow = bytes([0, 0, 1, 1, 255, 0, 1])
    return {
        "third_error": options + b"".join(event(CANARY, 500, key) for key in (1, 2, 3)),
        "non_finite": options + event(CANARY | NON_FINITE, 500, 1),
        "repeats": options + event(CANARY, 500, 1) * 5 + event(0, 500, 1),
        "slow": slow + b"".join(event(CANARY | LATENCY, 5000, key) for key in range(20)),
        "first_failures": options
        + b"".join(event(CANARY, 5000, key, 9 + key) for key in range(1, 4)),
        "more_keys_than_room": b"\0\0\0\1\1\0\1" + b"".join(event(0, 500, k) for k in range(9)),
        "shares_that_no_trial_has": options + bytes([CANARY | 0xC0, 0]) + b"\xff" * 8 + b"\0" * 8,
    }
