# SPDX-License-Identifier: Apache-2.0
"""One rollout as it goes on in this process: its record, its trial, and what is not kept yet."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from penstock.rollout.evidence import BadEvent, Evidence, NativeVerdict
from penstock.rollout.findings import find, weights_of
from penstock.rollout.policy import EPOCHS_MAX, Decision, Standing, decide
from penstock.rollout.ports import Clock, Traffic, Trial, TrialWish, Versions
from penstock.rollout.record import Record
from penstock.rollout.shadow_example import ShadowExample
from penstock.rollout.shares import shares_of
from penstock.rollout.sums import Needed, Tally

__all__ = ["Course"]


class Course:
    """Lives on the control thread. Calls block nothing; what is to be kept is the caller's to
    save: `record`, and with it `unsaved`.
    """

    def __init__(
        self, record: Record, *, traffic: Traffic, versions: Versions, clock: Clock
    ) -> None:
        self.record = record
        self.unsaved: list[BadEvent] = []
        #: Tells the champion how it ended.
        self.telling: asyncio.Task[None] | None = None
        self.told_failures = 0
        #: The number of the present process among those that it went on in; None: not yet in it.
        self.life: int | None = None
        #: Whether the examples are to be kept as they are now: no more come, or hardly any.
        self.has_examples_due = False
        #: Monotonic: when to try again what failed, and since when it could not be put on trial.
        self.retry_at_s = 0.0
        self.refused_s: float | None = None
        self._traffic = traffic
        self._versions = versions
        self._clock = clock
        self._trial: Trial | None = None
        self._is_mirrored = False
        self._examples: Sequence[ShadowExample] = ()  # once the trial is closed
        self._tally = Tally()
        self._needed = Needed()
        self._looked_s = self._stepped_s = clock.monotonic_s()
        self._crashes = 0

    @property
    def is_on_trial(self) -> bool:
        """Whether the core watches it."""
        return self._trial is not None

    @property
    def is_telling(self) -> bool:
        """Whether the champion is being told now."""
        return self.telling is not None and not self.telling.done()

    def open(self, events: Sequence[BadEvent]) -> None:
        """Has the core watch it from here on; `events`: those of earlier processes.

        Counts begin anew, and so does the step. Raises EngineError.
        """
        record = self.record
        trial = self._traffic.open_trial(
            TrialWish(
                rollout=record.id,
                model=record.model,
                stable=record.stable,
                candidate=record.candidate,
                salt=record.salt,
                spec=record.spec,
                weights=weights_of(record.spec),
            )
        )
        trial.replay(events)
        self._trial = trial
        self._tally = Tally(events)
        self._crashes = self._versions.crashes(record.model, record.candidate)
        self._looked_s = self._stepped_s = self._clock.monotonic_s()
        self.record = replace(record, lives=(*record.lives, Evidence()))
        self.life = len(record.lives)

    def look(self) -> Decision:
        """Takes over what the core counted, and says what is to be done."""
        assert self._trial is not None
        now = self._clock.monotonic_s()
        went_on_s = 0.0 if self.record.is_paused else now - self._looked_s
        self._looked_s = now
        self.gather()
        record = replace(self.record, elapsed_s=self.record.elapsed_s + went_on_s)
        findings = find(record.spec, record.lives, self._tally)
        self.record = replace(record, guardrails=findings.told)
        return decide(record.spec, self._standing(now), record.evidence, findings)

    def verdict_against(self) -> NativeVerdict | None:
        """What the core decided up to this moment, if it has taken the candidate out."""
        self.gather()
        verdict = self.record.evidence.verdict
        return verdict if verdict is not None and verdict.rolls_back else None

    def gather(self) -> None:
        """Takes over what the core counted."""
        if self._trial is None:
            return
        # Events after the counts, so that those that led to a verdict are among them.
        self.record = self.record.counted(self._trial.evidence())
        for event in self._trial.take_events():
            self._tally.add(event)
            if self._needed.needs(event):
                self.unsaved.append(event)

    def _standing(self, now: float) -> Standing:
        record = self.record
        crashes = self._versions.crashes(record.model, record.candidate)
        self._crashes = min(self._crashes, crashes)  # it counts anew after a reload
        step = [one for one in record.lives[-1].epochs if one.number == record.epoch]
        return Standing(
            state=record.state,
            canary_bp=record.canary_bp,
            is_paused=record.is_paused,
            elapsed_s=record.elapsed_s,
            dwelt_s=now - self._stepped_s,
            requests=sum(one.arms["canary"].requests for one in step if "canary" in one.arms),
            epochs=record.epoch + 1,
            is_loaded=record.candidate in self._versions.serving(record.model),
            crashes=crashes - self._crashes,
        )

    def with_next_epoch(self) -> Record:
        """The record with the number that the next shares have."""
        # Beyond the last number only a restart goes on, with the shares that it had.
        return replace(self.record, epoch=min(self.record.epoch + 1, EPOCHS_MAX - 1))

    def share_out(self) -> None:
        """Sets the shares that the record says."""
        assert self._trial is not None
        record = self.record
        is_shadow = record.canary_bp == 0 and record.state in ("shadow", "held")
        is_mirrored = is_shadow and record.spec.shadow is not None
        self._trial.set_shares(
            shares_of(record.canary_bp), epoch=record.epoch, is_mirrored=is_mirrored
        )
        self.has_examples_due |= self._is_mirrored and not is_mirrored
        self._is_mirrored = is_mirrored
        self._stepped_s = self._clock.monotonic_s()

    def examples(self) -> Sequence[ShadowExample]:
        """Pairs for a person to look at, of the present process."""
        return self._examples if self._trial is None else self._trial.examples()

    def close(self) -> None:
        """Ends the trial, if there is one: the model is served as without it."""
        if self._trial is not None:
            # Copies that were under way when the shadow's stage ended have come since.
            self._examples = self._trial.examples()
            self.has_examples_due |= bool(self._examples)
            self._trial.close()
            self._trial = None
