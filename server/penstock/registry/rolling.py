# SPDX-License-Identifier: Apache-2.0
"""How the end of a rollout is written into a registry, and the policy that it began by.

Functions over an open `Registry`; they block. Each may be done again when nobody knows whether it
was done. Of several servers that roll one version out, the first that has come to an end decides.
"""

from datetime import UTC, datetime

from penstock.registry.policy import policy_of
from penstock.registry.promotion import CANDIDATE, CHAMPION
from penstock.registry.registry import Registry
from penstock.registry.tags import ROLLED_BACK_TAG, ROLLOUT_TAG
from penstock.registry.turn import alias_turn

__all__ = ["advance_champion", "roll_back_candidate", "set_policy"]

#: Characters of a reason that are kept.
REASON_MAX = 1000


def advance_champion(registry: Registry, name: str, version: int, before: int | None) -> str:
    """Move the champion from `before` to `version`, which is the candidate no more then.

    A sentence that says why nothing was moved, for the registry has decided otherwise; empty: the
    champion is this version.

    Raises:
        RegistryError: the registry does not take it, or another writer moves an alias.
    """
    with alias_turn(registry, name, CHAMPION) as turn:
        if left := _decided(registry, name, version, before):
            return left
        turn.check()
        if registry.aliases(name).get(CHAMPION) != version:
            registry.move_alias(name, CHAMPION, version)
    with alias_turn(registry, name, CANDIDATE) as turn:
        turn.check()
        _let_candidate_go(registry, name, version)
    return ""


def _decided(registry: Registry, name: str, version: int, before: int | None) -> str:
    found = {one.version: one for one in registry.all_versions(name)}
    if version not in found:
        return f"Version {version} of {name!r} is no longer in the registry."
    now = next((one.version for one in found.values() if CHAMPION in one.aliases), None)
    if now == version:
        return ""
    if now != before:
        names = "no version" if now is None else f"version {now}"
        return f"The alias {CHAMPION} of {name!r} names {names} by somebody else's decision."
    if reason := found[version].rolled_back:
        return f"Version {version} of {name!r} was rolled back by another server: {reason}"
    return ""


def roll_back_candidate(registry: Registry, name: str, version: int, reason: str) -> str:
    """Tag `version` with `reason`, and take the alias of a candidate from it.

    A sentence that says why it is not tagged; empty: it is.

    Raises:
        RegistryError: the registry does not take it, or another writer moves an alias.
    """
    with alias_turn(registry, name, CANDIDATE) as turn:
        found = {one.version: one for one in registry.all_versions(name)}
        if version not in found:
            return f"Version {version} of {name!r} is no longer in the registry."
        if CHAMPION in found[version].aliases:
            return f"Version {version} of {name!r} is the champion by somebody else's decision."
        turn.check()
        if not found[version].rolled_back:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            told = f"{now}: {reason}"[:REASON_MAX]
            registry.tag_version(name, version, ROLLED_BACK_TAG, told)
        _let_candidate_go(registry, name, version)
    return ""


def _let_candidate_go(registry: Registry, name: str, version: int) -> None:
    if registry.aliases(name).get(CANDIDATE) == version:
        registry.asked(registry.client.delete_registered_model_alias, name, CANDIDATE)


def set_policy(registry: Registry, name: str, text: str) -> None:
    """Let candidates of a model be rolled out by what `text` says; empty: be promoted at once.

    Raises:
        RegistryError: it is no policy, or there is no such model.
    """
    policy_of(text, name)
    registry.versions(name)  # or a sentence that names the models there are
    if text:
        registry.asked(registry.client.set_registered_model_tag, name, ROLLOUT_TAG, text)
    elif ROLLOUT_TAG in registry.model_tags(name):
        registry.asked(registry.client.delete_registered_model_tag, name, ROLLOUT_TAG)
