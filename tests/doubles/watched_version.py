# SPDX-License-Identifier: Apache-2.0
"""A version being watched, of no columns and without a server."""

from __future__ import annotations

from tests.doubles.watches import ScriptedWatch

from penstock.drift import Layout, MonitoringSettings
from penstock.drift.columns import VersionSignature
from penstock.drift.course import Course
from penstock.drift.tick import Tick
from penstock.drift.watched import Watched
from penstock.profile import ReferenceProfile

__all__ = ["watched_version"]


def watched_version(model: str = "fraud", profile: ReferenceProfile | None = None) -> Watched:
    layout = Layout(columns=())
    course = Course(
        settings=MonitoringSettings(),
        signature=VersionSignature(tensors=()),
        layout=layout,
        profile=profile,
        is_self_reference=False,
        identity="",
    )
    watch = ScriptedWatch(layout=layout, share=1.0, sample_rows=0)
    return Watched(model=model, version=2, course=course, watch=watch, tick=Tick(since=0.0))
