# SPDX-License-Identifier: Apache-2.0
"""What stands next to a model about its monitoring, read."""

import os
from dataclasses import dataclass
from pathlib import Path

from penstock.drift.settings import MonitoringSettings
from penstock.errors import MonitoringError, PackageError, ProfileError
from penstock.model_toml import checked_tables, tables_at
from penstock.package.signature import SIGNATURE_FILE, ModelSignature, read_signature
from penstock.profile import PROFILE_FILE, ReferenceProfile, read_profile

__all__ = ["MONITORING_FILE", "VersionFiles", "monitoring_of_folder", "read_version_files"]

#: In a model's folder.
MONITORING_FILE = "monitoring.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionFiles:
    """What a version's folder and its model's say. `notes`: sentences about what they do not."""

    settings: MonitoringSettings
    profile: ReferenceProfile | None = None
    signature: ModelSignature | None = None
    notes: tuple[str, ...] = ()


def monitoring_of_folder(folder: Path) -> MonitoringSettings:
    """The monitoring.toml of a model's folder; the defaults where it has none.

    Raises MonitoringError, with a line for each key that is wrong.
    """
    path = folder / MONITORING_FILE
    tables = tables_at(path, MonitoringError)
    if tables is None:
        return MonitoringSettings()
    return checked_tables(
        MonitoringSettings,
        tables,
        source=str(path),
        document="monitoring.md",
        fails=MonitoringError,
    )


def read_version_files(model: Path, version: Path) -> VersionFiles:
    """What the folders of a model and of its version say. Blocks.

    A profile that cannot be read is none, with a note. Raises MonitoringError of a monitoring.toml,
    and of a signature: without that, nobody knows what is sensitive.
    """
    settings = monitoring_of_folder(model)
    signature = version / SIGNATURE_FILE
    notes: list[str] = []
    profile = None
    if os.path.lexists(version / PROFILE_FILE):
        try:
            profile = read_profile(version / PROFILE_FILE)
        except ProfileError as error:
            notes.append(str(error))
    try:
        if os.path.lexists(signature) and not signature.is_file():
            raise MonitoringError(f"{signature} cannot be read: wanted a file, or a link to one.")
        told = read_signature(signature) if signature.is_file() else None
    except PackageError as error:
        raise MonitoringError(str(error), code=error.code) from None
    return VersionFiles(settings=settings, profile=profile, signature=told, notes=tuple(notes))
