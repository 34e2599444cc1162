# SPDX-License-Identifier: Apache-2.0
"""What a version is held against, and which of its columns: the decision when it is loaded. Pure.

Its own profile, if that fits; else one that was made of its first live rows; else those rows are
to be gathered.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.digests import digest_of
from penstock.drift.codec import layout_digest
from penstock.drift.columns import VersionSignature, columns_of
from penstock.drift.files import VersionFiles
from penstock.drift.kept import Kept
from penstock.drift.layout import Layout
from penstock.drift.plan import Planned, learning_layout, profile_layout
from penstock.drift.settings import MonitoringSettings
from penstock.errors import MonitoringError, ProfileError
from penstock.profile import ReferenceProfile, profile_of

__all__ = ["Course", "course_of", "learnt_course"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How a version is watched. `profile` None: its first live rows are being gathered.

    `identity` is another one where what is kept of it cannot be gone on with.
    """

    settings: MonitoringSettings
    signature: VersionSignature
    layout: Layout
    profile: ReferenceProfile | None
    is_self_reference: bool
    identity: str
    #: Sentences about what is not watched, and about what somebody should mend.
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Of requests that are looked at."""
        return self.settings.share if self.settings.mode == "sampled" else 1.0

    @property
    def depends_on_kept(self) -> bool:
        """Whether it is another one by what was kept of the version, not by its files alone."""
        return self.profile is None or self.is_self_reference


def course_of(
    files: VersionFiles, signature: VersionSignature, kept: Kept | None, *, file_bytes: int
) -> Course:
    """`file_bytes`: of the version, for another model under its number is to learn anew.

    Raises MonitoringError where nothing of the version can be watched.
    """
    settings, warnings = files.settings, list(files.notes)
    warnings += _unknown_sensitive(signature, settings.sensitive)
    if files.profile is not None:
        try:
            planned = profile_layout(signature, files.profile, sensitive=settings.sensitive)
        except MonitoringError as error:
            warnings.append(f"profile.json: {error}")
        else:
            identity = digest_of([files.profile.digest, layout_digest(planned.layout)])
            return _course(settings, signature, planned, warnings, identity, files.profile)
    planned = learning_layout(signature, sensitive=settings.sensitive)
    if not planned.layout.columns:
        raise MonitoringError(
            "none of its tensors can be watched: wanted one whose rows have a fixed width.",
            code="FAILED_PRECONDITION",
        )
    identity = digest_of(["self", layout_digest(planned.layout), file_bytes])
    learning = _course(settings, signature, planned, warnings, identity, None)
    if kept is None or kept.identity != identity or not kept.profile:
        return learning
    try:
        return learnt_course(learning, profile_of(json.loads(kept.profile)))
    except (MonitoringError, ProfileError, ValueError):
        return learning


def learnt_course(learning: Course, profile: ReferenceProfile) -> Course:
    """Once a profile was made of the rows. Raises MonitoringError where it does not fit them."""
    sensitive = learning.settings.sensitive
    planned = profile_layout(learning.signature, profile, sensitive=sensitive)
    return Course(
        settings=learning.settings,
        signature=learning.signature,
        layout=planned.layout,
        profile=profile,
        is_self_reference=True,
        identity=learning.identity,
        notes=learning.notes,
        warnings=learning.warnings,
    )


def _course(
    settings: MonitoringSettings,
    signature: VersionSignature,
    planned: Planned,
    warnings: Sequence[str],
    identity: str,
    profile: ReferenceProfile | None,
) -> Course:
    return Course(
        settings=settings,
        signature=signature,
        layout=planned.layout,
        profile=profile,
        is_self_reference=False,
        identity=identity,
        notes=(*planned.notes, *_first_rows(signature)),
        warnings=tuple(warnings),
    )


def _first_rows(signature: VersionSignature) -> list[str]:
    names = [one.name for one in signature.tensors if one.is_first_row]
    if not names:
        return []
    told = ", ".join(names)
    return [f"Of {told} the first row of each request is watched: max_batch_size is 0."]


def _unknown_sensitive(signature: VersionSignature, sensitive: Sequence[str]) -> list[str]:
    known = {one.base for one in columns_of(signature)} | {one.name for one in signature.tensors}
    missing = [name for name in sensitive if name not in known]
    if not missing:
        return []
    return [f"monitoring.toml: sensitive names {', '.join(missing)}, which the version has not."]
