# SPDX-License-Identifier: Apache-2.0
"""Watches of versions that no request reaches yet: so the first row of each is counted."""

import logging

from penstock.drift.columns import watched_tensors
from penstock.drift.course import Course, course_of
from penstock.drift.files import VersionFiles, read_version_files
from penstock.drift.kept import Kept, KeptMonitors
from penstock.drift.own_thread import OwnThread
from penstock.drift.ports import Clock, Unserved, Watches
from penstock.drift.served import EarlyWatch, ServedVersion
from penstock.drift.watched import LEARNING_ROWS, SAMPLE_ROWS

__all__ = ["EarlyWatches", "course_of_version"]

log = logging.getLogger(__name__)

#: That a load waits for what is to be counted of its version.
PLAN_S = 2.0


class EarlyWatches:
    """Used on threads that load. `takes_samples`: somebody judges."""

    def __init__(
        self,
        watches: Watches,
        kept: KeptMonitors,
        clock: Clock,
        thread: OwnThread,
        *,
        takes_samples: bool,
        seconds: float = PLAN_S,
    ) -> None:
        self._watches = watches
        self._kept = kept
        self._clock = clock
        self._thread = thread
        self._takes_samples = takes_samples
        self._seconds = seconds

    def open(self, version: ServedVersion, unserved: Unserved) -> EarlyWatch | None:
        """Its rows are counted from its first request on. None: whoever begins to watch it once it
        is served finds out why not, and says so.
        """
        try:
            files, course = self._thread.within(self._seconds, self._planned, version)
            if course.settings.mode == "off":
                return None
            return EarlyWatch(
                files=files,
                course=course,
                watch=self._watches.open(
                    version.model,
                    version.version,
                    course.layout,
                    now=self._clock.wall_ms() / 1000,
                    share=course.share,
                    sample_rows=_sample_rows(course) if self._takes_samples else 0,
                    unserved=unserved,
                ),
            )
        except TimeoutError:
            told = {
                "model": version.model,
                "version": version.version,
                "reason": f"what is to be counted of it was not known after {self._seconds:g} s: "
                "rows that are answered until it is watched are not counted.",
            }
            log.warning("monitoring_is_late", extra=told)
        except Exception:
            log.debug("monitoring_failed", exc_info=True)
        return None

    def _planned(self, version: ServedVersion) -> tuple[VersionFiles, Course]:
        files = read_version_files(version.folder, version.files)
        kept = self._kept.get(version.model, version.version)
        return files, course_of_version(version, files, kept)


def course_of_version(version: ServedVersion, files: VersionFiles, kept: Kept | None) -> Course:
    """See `course_of`. Raises MonitoringError where nothing of the version can be watched."""
    signature = watched_tensors(
        version.inputs,
        version.outputs,
        has_batches=version.has_batches,
        signature=files.signature,
    )
    return course_of(files, signature, kept, file_bytes=version.file_bytes)


def _sample_rows(course: Course) -> int:
    if course.profile is not None:
        return SAMPLE_ROWS
    return min(LEARNING_ROWS, course.settings.self_reference_rows)
