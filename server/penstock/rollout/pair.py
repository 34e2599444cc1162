# SPDX-License-Identifier: Apache-2.0
"""Which two versions of a model a rollout can compare. Pure."""

from penstock.errors import RolloutError
from penstock.rollout.ports import Versions
from penstock.rollout.record import Record

__all__ = ["checked_stable"]


def checked_stable(
    versions: Versions, model: str, stable: int | None, candidate: int, holding: Record | None
) -> int:
    """The stable version of a rollout that can begin; None: the one that is served.

    `holding`: the rollout that holds the model. Raises RolloutError if there is one, and for a
    version that is not loaded.
    """
    serving = versions.serving(model)
    if not serving:
        raise RolloutError(f"No model {model!r} is loaded.", code="NOT_FOUND")
    if holding is not None:
        raise RolloutError(
            f"{model!r} has a rollout already, {holding.id} of version {holding.candidate}, in "
            f"state {holding.state}. Promote it or roll it back first.",
            code="FAILED_PRECONDITION",
        )
    if stable is None:
        stable = versions.served(model)
    loaded = ", ".join(str(version) for version in serving)
    for version in (candidate, stable):
        if version is None or version not in serving:
            raise RolloutError(
                f"Version {version} of {model!r} is not loaded; these are: {loaded}.",
                code="NOT_FOUND",
            )
    assert stable is not None
    if stable == candidate:
        raise RolloutError(
            f"Version {candidate} of {model!r} is what is served already. Say which version "
            f"is stable; loaded are: {loaded}."
        )
    return stable
