# SPDX-License-Identifier: Apache-2.0
"""Which models a server loads before it is ready. A pure function."""

from collections.abc import Sequence

from penstock.errors import OptionsError

__all__ = ["EVERY_MODEL", "models_at_start", "models_to_fetch"]

EVERY_MODEL = "*"


def models_at_start(mode: str, asked: Sequence[str], found: Sequence[str]) -> list[str]:
    """The models to load, by control mode, `--load-model` and what the repositories hold.

    Raises OptionsError if these flags contradict each other.
    """
    if mode != "explicit":
        if asked:
            raise OptionsError(
                f"--load-model {asked[0]!r} requires --model-control-mode=explicit: in mode {mode} "
                "every model is loaded."
            )
        return list(found)
    if EVERY_MODEL not in asked:
        return list(dict.fromkeys(asked))
    if len(asked) > 1:
        raise OptionsError("--load-model=* loads every model: wanted no other --load-model.")
    return list(found)


def models_to_fetch(mode: str, asked: Sequence[str]) -> list[str] | None:
    """The models that a remote repository is asked for at start; None: all of them."""
    return list(asked) if mode == "explicit" and EVERY_MODEL not in asked else None
