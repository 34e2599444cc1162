# SPDX-License-Identifier: Apache-2.0
"""One version being watched: counts in, alarms and their reasons out. Wires all parts together.

Each tick the evidence of all columns is brought up to date; what there is enough evidence of, and
whose effect is large enough to matter, is an alarm. Each minute effects are looked at for warnings,
and the rules of data quality.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from penstock.digests import digest_of
from penstock.drift import DriftStatus, Layout, Monitor, MonitoringSettings, Sample, Taken
from penstock.profile import ReferenceProfile
from penstock_monitoring.baseline import Baseline, baselines_of
from penstock_monitoring.bound import bound_of
from penstock_monitoring.effects import Comparisons, compare
from penstock_monitoring.evidence import Evidence, put
from penstock_monitoring.judging import Judge, judged_window
from penstock_monitoring.margins import Margins, Simulated
from penstock_monitoring.multiplicity import alpha_of
from penstock_monitoring.rules import Rules
from penstock_monitoring.saved import SavedError, pack, unpack
from penstock_monitoring.self_reference import self_reference
from penstock_monitoring.sketches import Sketches, datasketches
from penstock_monitoring.state import content_of, restore_content
from penstock_monitoring.status import columns_of
from penstock_monitoring.windows import Window, Windows

__all__ = ["ProfileMonitors", "VersionMonitor", "monitors"]

_LOOK_S = 60.0
#: Of all columns together: more take seconds, in which no other version is judged.
_HISTORY_POINTS = 60_000
#: A clock that is set back by more is believed, and windows begin anew.
_BACK_MAX_S = 3600.0


class VersionMonitor:
    """A Monitor of a version that has a profile: see penstock.drift.Monitor."""

    def __init__(
        self,
        *,
        model: str,
        version: int,
        layout: Layout,
        profile: ReferenceProfile,
        is_self_reference: bool,
        settings: MonitoringSettings,
        saved: bytes | None,
        simulated: Simulated | None = None,
    ) -> None:
        """`simulated`: what monitors beside it know; else it begins with nothing."""
        self._simulated: Simulated = {} if simulated is None else simulated
        self._model, self._version = model, version
        self._layout, self._profile, self._settings = layout, profile, settings
        self._is_self_reference = is_self_reference
        self._baselines = _known(layout, baselines_of(profile, layout), is_self_reference)
        most = settings.false_alarms_per_30_days
        self._bound = bound_of(
            profile,
            {column.name for column in layout.columns},
            f"At most {most:g} false alarm{'s' * (most != 1)} in 30 days",
            is_self_reference=is_self_reference,
        )
        self._notes: list[str] = []
        self._begin_anew()
        if saved is not None:
            self._restore(saved)

    def _begin_anew(self) -> None:
        layout, settings = self._layout, self._settings
        self._windows = Windows(layout.offsets[-1], len(layout.columns))
        self._evidence = Evidence(
            layout,
            self._baselines,
            tolerance=settings.tolerance,
            alpha=alpha_of(settings.false_alarms_per_30_days, settings.tick_s),
            timezone=ZoneInfo(settings.timezone) if settings.seasonal else None,
        )
        self._margins = Margins(
            self._evidence.references,
            [column.reading for column in layout.columns],
            settings.tolerance,
            self._simulated,
        )
        self._learn_hours()
        self._judge = Judge(
            layout, self._baselines, self._evidence, self._windows, tolerance=settings.tolerance
        )
        self._rules = Rules(layout, self._baselines, self._windows)
        self._sketches = Sketches(layout, datasketches())
        self._tested = np.zeros(layout.offsets[-1], dtype=np.int64)
        self._tick_begin: float | None = None
        self._ticks = 0
        self._at = float("-inf")
        self._look_at = float("-inf")
        self._share = 1.0
        self._told: tuple[Any, DriftStatus] | None = None
        self._seen: tuple[Any, Comparisons] | None = None

    def _learn_hours(self) -> None:
        hours = self._profile.hours
        if hours is None or not self._settings.seasonal:
            return
        if hours.timezone != self._settings.timezone:
            self._note(
                f"The profile has hours of {hours.timezone}, and timezone is "
                f"{self._settings.timezone}: they are not gone by."
            )
            return
        told = {
            feature.name: getattr(feature, "by_hour", None) for feature in self._profile.features
        }
        self._evidence.learn_hours(
            [
                told.get(column.name) if column.reading != "present" else None
                for column in self._layout.columns
            ]
        )

    def _note(self, note: str) -> None:
        if note not in self._notes:
            self._notes.append(note)

    def take(self, taken: Taken) -> bool:
        """See Monitor.take. Raises ValueError where the counts are of another layout."""
        wanted = (self._layout.offsets[-1], len(self._layout.columns))
        found = (len(taken.shown), len(taken.moments))
        if found != wanted or len(taken.tested) != wanted[0] or len(taken.outside) != wanted[1]:
            raise ValueError(
                f"counts of {found[0]} places and {found[1]} columns: wanted {wanted[0]} and "
                f"{wanted[1]}, as in the layout that the monitor was opened with."
            )
        is_changed = self._set_clock(taken.at)
        at = self._at
        since = min(at, taken.since)
        self._share = taken.share
        self._windows.add(at, taken)
        if taken.rows or self._rules.row_at is None:
            self._rules.came(at)
        if taken.sample is not None and taken.rows:
            self._sketches.add(taken.sample, at)
        self._tested += taken.tested
        if self._tick_begin is None:
            self._tick_begin = since
        if taken.ends_tick:
            self._ticks += 1
            is_changed |= self._judge.tick(self._tested, self._tick_begin, at)
            self._tested[:] = 0
            self._tick_begin = None
            self._margins.step()
        if at >= self._look_at:
            self._look_at = at + _LOOK_S
            is_changed |= self._look()
        return is_changed

    def _set_clock(self, at: float) -> bool:
        """Times that go backwards are the last one seen; a clock set back far begins anew."""
        if at >= self._at - _BACK_MAX_S:
            self._at = max(self._at, at)
            return False
        episodes = self._judge.episodes
        ticks = self._ticks
        self._begin_anew()
        self._ticks, self._at = ticks, at
        self._note("The clock was set back by more than an hour: windows and evidence began anew.")
        is_changed = any(episode.cleared_at is None for episode in episodes.all)
        for episode in episodes.all:
            episode.cleared_at = at if episode.cleared_at is None else episode.cleared_at
        self._judge.episodes = episodes
        return is_changed

    def _look(self) -> bool:
        window = judged_window(self._windows, self._at)
        self._judge.look(self._compared(window))
        recent = self._sketches.recent
        is_changed = self._rules.look(self._judge.episodes, self._at, recent)
        return self._judge.episodes.remind(self._at) or is_changed

    def _compared(self, window: Window) -> Comparisons:
        """Of a look and the status after it once."""
        key = (self._at, self._ticks, window.begin, window.rows)
        if self._seen is None or self._seen[0] != key:
            columns = range(len(self._baselines))
            seen = compare([self._judge.pair(place, window) for place in columns])
            self._seen = key, seen
        return self._seen[1]

    def status(self, *, window_s: float | None = None, is_short: bool = False) -> DriftStatus:
        """See Monitor.status."""
        key = (self._at, self._ticks, window_s, len(self._notes), is_short)
        if self._told is not None and self._told[0] == key:
            return self._told[1]
        at = max(self._at, 0.0)
        window = (
            judged_window(self._windows, at)
            if window_s is None
            else self._windows.last(window_s, at)
        )
        scalars = window.scalars
        found = DriftStatus(
            model=self._model,
            version=self._version,
            reference="self" if self._is_self_reference else "profile",
            reference_digest=self._profile.digest,
            reference_rows=self._profile.rows,
            begin=max(window.begin, min(self._windows.began(at), window.end)),
            end=window.end,
            rows=scalars["rows"],
            tested_rows=scalars["tested_rows"],
            dropped_rows=scalars["dropped_rows"],
            repeated_rows=scalars["repeated_rows"],
            share=self._share,
            ticks=self._ticks,
            false_alarms_per_30_days=self._settings.false_alarms_per_30_days,
            columns=columns_of(
                self._layout,
                self._baselines,
                self._judge,
                self._evidence,
                self._sketches,
                window,
                None if is_short else self._past(at),
                self._compared(window),
                self._margins,
            ),
            alarms=self._judge.episodes.alarms(),
            notes=(*self._notes, *self._more_notes()),
            claims_bound=self._bound.is_claimed,
            bound=self._bound.sentence,
        )
        self._told = key, found
        return found

    def _past(self, at: float) -> list[Window]:
        """The latest of past windows: of many columns fewer."""
        most = max(1, _HISTORY_POINTS // max(1, len(self._baselines)))
        return list(self._windows.history(at, most))

    def _more_notes(self) -> list[str]:
        found = []
        if not self._sketches.is_there:
            found.append(
                "Quantiles are read from bins, and new categories have no names: "
                "pip install 'penstock[monitoring]'."
            )
        if self._is_self_reference and any(c.reading == "present" for c in self._layout.columns):
            found.append(
                "The reference is of live rows, which has no values of sensitive columns: "
                "their missing values are shown, and held against nothing."
            )
        return found

    def save(self) -> bytes:
        """See Monitor.save."""
        arrays = {f"evidence.{name}": array for name, array in self._evidence.arrays().items()}
        arrays |= {f"sketches.{name}": array for name, array in self._sketches.arrays().items()}
        for ring in self._windows.rings:
            arrays |= {f"{name}.{ring.span}": getattr(ring, name) for name in ring.names}
        arrays["tested"] = self._tested
        arrays["margins"] = self._margins.known()
        content = content_of(self._judge, self._rules) | {
            "about": self._about(),
            "ticks": self._ticks,
            "at": self._at if np.isfinite(self._at) else None,
            "tick_begin": self._tick_begin,
            "look_at": self._look_at if np.isfinite(self._look_at) else None,
            "share": self._share,
            "tolerance": self._settings.tolerance,
        }
        for place, standing in enumerate(self._judge.standings):
            if standing.clearing is not None:
                arrays[f"clearing.{place}"] = standing.clearing.live
        return pack(content, arrays)

    def _about(self) -> str:
        """What a state must be of, to be gone on with."""
        columns = [asdict(column) for column in self._layout.columns]
        return digest_of([self._profile.digest, columns])

    def _restore(self, saved: bytes) -> None:
        try:
            content, arrays = unpack(saved)
            if content["about"] != self._about():
                raise SavedError("what was kept is of another profile, or of other columns")
            for ring in self._windows.rings:
                ring.restore({name: arrays[f"{name}.{ring.span}"] for name in ring.names})
            self._evidence.restore(_below("evidence.", arrays))
            self._sketches.restore(_below("sketches.", arrays))
            put(self._tested, arrays["tested"])
            restore_content(content, arrays, self._judge, self._rules)
            self._ticks = int(content["ticks"])
            self._at = float("-inf") if content["at"] is None else float(content["at"])
            self._tick_begin = content["tick_begin"]
            self._look_at = float("-inf") if content["look_at"] is None else content["look_at"]
            self._share = content["share"]
            if content.get("tolerance") == self._settings.tolerance:
                self._margins.learn(arrays["margins"])
        except (SavedError, ValueError, KeyError, TypeError, IndexError, RuntimeError) as error:
            why = str(error) if isinstance(error, SavedError) else f"what was kept has {error!r}"
            self._begin_anew()
            self._note(f"Monitoring began anew: {why}.")

    @property
    def nbytes(self) -> int:
        """Of its arrays."""
        return self._windows.nbytes + self._evidence.nbytes + self._sketches.recent.nbytes


def _below(prefix: str, arrays: dict[str, Any]) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _known(
    layout: Layout, baselines: Sequence[Baseline], is_self_reference: bool
) -> list[Baseline]:
    """Without what samples of live rows cannot tell: the missing values of sensitive columns."""
    return [
        Baseline(counts=baseline.counts * 0)
        if is_self_reference and column.reading == "present"
        else baseline
        for column, baseline in zip(layout.columns, baselines, strict=True)
    ]


class ProfileMonitors:
    """Opens monitors: see penstock.drift.Monitors."""

    def __init__(self) -> None:
        self._simulated: Simulated = {}

    def open(
        self,
        *,
        model: str,
        version: int,
        layout: Layout,
        profile: ReferenceProfile,
        is_self_reference: bool,
        settings: MonitoringSettings,
        saved: bytes | None,
    ) -> Monitor:
        """See Monitors.open. Raises ProfileError where profile and layout do not fit."""
        return VersionMonitor(
            model=model,
            version=version,
            layout=layout,
            profile=profile,
            is_self_reference=is_self_reference,
            settings=settings,
            saved=saved,
            simulated=self._simulated,
        )

    def self_reference(
        self, *, model: str, layout: Layout, samples: Sequence[Sample], sensitive: Sequence[str]
    ) -> ReferenceProfile:
        """See Monitors.self_reference. Raises ProfileError where there are no rows."""
        return self_reference(model=model, layout=layout, samples=samples, sensitive=sensitive)


#: What the entry point of `penstock.monitors` names.
monitors = ProfileMonitors()
