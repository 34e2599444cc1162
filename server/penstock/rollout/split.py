# SPDX-License-Identifier: Apache-2.0
"""Whether keys fall into the arms by the shares that were set: the sample ratio.

Source: Lindon and Malek, "Anytime-Valid Inference for Multinomial Count Data", NeurIPS 2022
(arXiv 2011.03567), the multinomial mixture. Each key at its first sight is a throw of a die whose
sides are the shares rho. A Dirichlet with parameters a = kappa rho is mixed over:

    E = B(a + n) / B(a) / prod over i of rho_i^n_i,

with B the multivariate beta function and n the keys of each arm: a martingale while the shares
are true. Over times of other shares E is the product, for keys fall independently.
"""

import math
from collections.abc import Sequence

__all__ = ["KAPPA", "log_e_split"]

#: How close to the shares the alternatives lie, as keys that they are worth. At 2000 half of them
#: are within 0.75 points of a share of 50 %, so that splits that are wrong by one point are found.
KAPPA = 2000.0


def log_e_split(counts: Sequence[int], shares: Sequence[float], *, kappa: float = KAPPA) -> float:
    """The logarithm of the evidence of one time of constant shares.

    `counts`: keys of each arm. `shares`: of the same arms, positive, summing to 1; an arm without
    a share is left out.
    """
    total = math.lgamma(kappa) - math.lgamma(kappa + sum(counts))
    for count, share in zip(counts, shares, strict=True):
        prior = kappa * share
        total += math.lgamma(prior + count) - math.lgamma(prior) - count * math.log(share)
    return total
