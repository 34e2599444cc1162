# SPDX-License-Identifier: Apache-2.0
"""Where a version comes from: its data, its code, its spec, its seed, its parent."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock import __version__
from penstock.digests import digest_of
from penstock_training.spec import PipelineSpec

__all__ = ["CodeState", "code_state", "lineage_of", "without_secrets"]

_SECONDS_MAX = 30
#: A user and perhaps a password in a URL.
_USERINFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeState:
    """The commit that the pipeline's folder is at; None: it is in no git repository."""

    commit: str | None = None
    #: Whether files differ from the commit.
    is_dirty: bool = False


def code_state(folder: Path) -> CodeState:
    """What git says of `folder`; nothing, where there is no git."""
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if commit is None:
        return CodeState()
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".")
    return CodeState(commit=commit, is_dirty=bool(changed))


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=_SECONDS_MAX,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def lineage_of(
    spec: PipelineSpec,
    code: CodeState,
    *,
    source: Mapping[str, Any] | None = None,
    parent: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What lineage.json has. Pure.

    `source`: what the step ingest says of the data. `parent`: the version that this one was
    compared with, as {name, digest}.
    """
    told = without_secrets(spec.model_dump(mode="json"))
    return {
        "code": {"commit": code.commit, "is_dirty": code.is_dirty},
        "data": {
            key: without_secrets((source or {}).get(key)) for key in ("kind", "digest", "rows")
        },
        "parent": dict(parent) if parent else None,
        "penstock": __version__,
        "seed": spec.seed,
        "spec": told,
        "spec_digest": digest_of(told),
        "threads": spec.threads,
    }


def without_secrets(value: Any) -> Any:
    """`value` with users and passwords in URLs written as ***. Pure."""
    if isinstance(value, str):
        return _USERINFO.sub("***", value)
    if isinstance(value, Mapping):
        return {key: without_secrets(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(one) for one in value]
    return value
