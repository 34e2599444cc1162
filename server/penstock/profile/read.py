# SPDX-License-Identifier: Apache-2.0
"""profile.json, read and checked."""

import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from penstock.digests import digest_of
from penstock.errors import ProfileError
from penstock.model_toml import sentence_of
from penstock.profile.reference import ReferenceProfile

__all__ = ["PROFILE_FILE", "digest_of_profile", "profile_of", "read_profile"]

PROFILE_FILE = "profile.json"
PROFILE_BYTES_MAX = 256 << 20


def read_profile(path: Path) -> ReferenceProfile:
    """The profile in a file, or in a version's folder.

    Raises:
        ProfileError: it is not there, too large, no profile, or not what its digest says.
    """
    file = path / PROFILE_FILE if path.is_dir() else path
    try:
        found = file.stat()
        # A pipe would be waited for without end.
        if not stat.S_ISREG(found.st_mode):
            raise ProfileError(f"{file} cannot be read: wanted a file, or a link to one.")
        if found.st_size > PROFILE_BYTES_MAX:
            raise ProfileError(
                f"{file} has {found.st_size} bytes: wanted {PROFILE_BYTES_MAX} at most."
            )
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProfileError(f"{file} cannot be read: {error.strerror or error}.") from None
    except (ValueError, RecursionError):
        raise ProfileError(f"{file} is not JSON: wanted a reference profile.") from None
    try:
        return profile_of(content)
    except ProfileError as error:
        raise ProfileError(f"{file}: {error}") from None


def profile_of(content: Any) -> ReferenceProfile:
    """The profile that the content of a profile.json is.

    Raises:
        ProfileError: it is none, or is not what its digest says.
    """
    try:
        # Through JSON, where lists are tuples, and strictly: "1" is no number.
        profile = ReferenceProfile.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        said = sentence_of(error.errors(include_url=False)[0], "profile.md")
        raise ProfileError(f"it is no reference profile: {said} Make it anew.") from None
    wanted = digest_of_profile(content)
    if profile.digest != wanted:
        raise ProfileError(
            f"its digest is {wanted}, and it says {profile.digest}: it was changed, make it anew."
        )
    return profile


def digest_of_profile(content: Mapping[str, Any]) -> str:
    """The hex digest of a profile's content: of its JSON by sorted keys, without `digest`."""
    rest = {key: value for key, value in content.items() if key != "digest"}
    return digest_of(rest)
