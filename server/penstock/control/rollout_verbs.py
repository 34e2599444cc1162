# SPDX-License-Identifier: Apache-2.0
"""The verbs of rollouts, once for all ways to call them: what is accepted, refused and said.

Lives on the control thread's event loop.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from penstock.control.examples import ExamplesFound, found_examples
from penstock.control.parts import RolloutControl
from penstock.errors import RolloutError
from penstock.rollout.spec import RolloutSpec
from penstock.rollout.status import LIVE_STATES, RolloutStatus

__all__ = [
    "INTERVAL_MS_MIN",
    "LIST_DEFAULT",
    "LIST_MAX",
    "RolloutVerbs",
    "StartWish",
]

#: Rollouts in one list: without a limit, and at most.
LIST_DEFAULT = 100
LIST_MAX = 1000
#: Between two answers of a watch: without a wish, and at least.
INTERVAL_MS_DEFAULT = 1000
INTERVAL_MS_MIN = 100
#: Of the reason of a rollback, which goes to logs and a registry.
REASON_CHARACTERS_MAX = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class StartWish:
    """A rollout that a client asks for. `stable` 0: the version that is served now."""

    model: str
    candidate: int
    stable: int = 0
    spec: RolloutSpec | None = None
    allows_signature_change: bool = False


class RolloutVerbs:
    """What a client may ask of a server's rollouts. Every refusal is a PenstockError.

    A verb that changes something takes the id of the rollout that is meant: it is refused if the
    model's is another one by now. Empty: whichever it is.
    """

    def __init__(self, control: RolloutControl | None) -> None:
        """None: this server has no rollouts, and every verb is refused."""
        self._rollouts = control

    async def start(self, wish: StartWish) -> RolloutStatus:
        """Begins a rollout; returns once its first state is reached."""
        control = self._control
        _checked_model(wish.model)
        if wish.candidate < 1:
            raise RolloutError(
                f"a rollout wants the number of a version as its candidate, found {wish.candidate}."
            )
        if wish.stable < 0:
            raise RolloutError(
                f"a rollout wants the number of a version as stable, or 0, found {wish.stable}."
            )
        return await control.start(
            wish.model,
            wish.candidate,
            wish.spec,
            stable=wish.stable or None,
            allows_signature_change=wish.allows_signature_change,
        )

    def status(self, model: str, rollout: str = "") -> RolloutStatus:
        """Of the rollout that goes on or was last, or of the one with this id."""
        return self._control.status(_checked_model(model), rollout)

    def statuses(
        self, model: str = "", *, ongoing_only: bool = False, limit: int = 0
    ) -> Sequence[RolloutStatus]:
        """The newest `limit` of all that are kept, without evidence and log; 0: LIST_DEFAULT."""
        if not 0 <= limit <= LIST_MAX:
            raise RolloutError(f"a list has at most {LIST_MAX} rollouts, found limit {limit}.")
        found = self._control.statuses(model=model, ongoing_only=ongoing_only)
        return found[: limit or LIST_DEFAULT]

    async def promote(self, model: str, rollout: str = "") -> RolloutStatus:
        """Makes the candidate live now."""
        self._check_meant(model, rollout)
        return await self._control.promote(model)

    async def pause(self, model: str, rollout: str = "", *, is_paused: bool) -> RolloutStatus:
        """Stays at the present share, or goes on."""
        self._check_meant(model, rollout)
        return await self._control.pause(model, is_paused=is_paused)

    async def roll_back(self, model: str, rollout: str = "", *, reason: str = "") -> RolloutStatus:
        """Takes the candidate out of traffic now."""
        if len(reason) > REASON_CHARACTERS_MAX:
            raise RolloutError(
                f"a reason may have {REASON_CHARACTERS_MAX} characters, found {len(reason)}."
            )
        self._check_meant(model, rollout)
        return await self._control.roll_back(model, reason=reason)

    async def explain(self, model: str, rollout: str = "") -> Mapping[str, object]:
        """Every event, count and transition, and the verdict computed anew: values for JSON."""
        return await self._control.explain(_checked_model(model), rollout)

    async def examples(self, model: str, rollout: str = "", *, limit: int = 0) -> ExamplesFound:
        """Pairs that its shadow keeps for a person to look at, newest first."""
        meant, kept = await self._control.examples(_checked_model(model), rollout)
        return found_examples(kept, rollout=meant, limit=limit)

    async def watch(
        self,
        model: str,
        rollout: str = "",
        *,
        interval_ms: int = 0,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> AsyncIterator[RolloutStatus]:
        """How a rollout stands, at once and after each change, to its end.

        `pause` waits for so many seconds.
        """
        if interval_ms and interval_ms < INTERVAL_MS_MIN:
            raise RolloutError(
                f"a watch may answer every {INTERVAL_MS_MIN} ms, found interval_ms {interval_ms}."
            )
        told = self.status(model, rollout)
        yield told
        while told.state in LIVE_STATES:
            await pause((interval_ms or INTERVAL_MS_DEFAULT) / 1000)
            found = self.status(model, told.id)
            if found != told:
                told = found
                yield told

    @property
    def _control(self) -> RolloutControl:
        if self._rollouts is None:
            raise RolloutError("this server runs no rollouts.", code="UNIMPLEMENTED")
        return self._rollouts

    def _check_meant(self, model: str, rollout: str) -> None:
        """Raises unless the model's present rollout is the one that is meant."""
        found = self.status(model)
        if rollout and found.id != rollout:
            raise RolloutError(
                f"{model}: wanted its rollout {rollout}, found that {found.id} is the one by now.",
                code="FAILED_PRECONDITION",
            )


def _checked_model(model: str) -> str:
    if not model:
        raise RolloutError("a rollout wants the name of a model, found none.")
    return model
