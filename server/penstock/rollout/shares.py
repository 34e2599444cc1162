# SPDX-License-Identifier: Apache-2.0
"""How the buckets of a route are shared out during a rollout, and the salt that keys have in it."""

import hashlib
from collections.abc import Mapping

from penstock.rollout.evidence import Role
from penstock.rollout.spec import FULL_BP

__all__ = ["salt_of", "shares_of"]


def shares_of(canary_bp: int) -> Mapping[Role, int]:
    """The shares of all arms, in basis points, while the canary has `canary_bp`.

    The control slice is as large as the canary, as far as there is room. Which buckets these are
    is the core's to say.
    """
    control_bp = min(canary_bp, FULL_BP // 2, FULL_BP - canary_bp)
    return {
        "stable": FULL_BP - canary_bp - control_bp,
        "control": control_bp,
        "canary": canary_bp,
    }


def salt_of(model: str, stable: int, candidate: int, number: int) -> int:
    """64 bits for the `number`-th rollout of this pair of versions.

    Replicas that follow one registry agree on it without speaking to each other, and the same keys
    are not the canary's every time.
    """
    text = f"{model}\n{stable}\n{candidate}\n{number}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
