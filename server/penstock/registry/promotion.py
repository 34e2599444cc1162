# SPDX-License-Identifier: Apache-2.0
"""Moving an alias to a version that may have it, and putting versions away.

Decisions are functions of what was read; `promote` and `archive` read, ask them, and write.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from penstock.errors import RegistryError
from penstock.package.signature_change import signature_change
from penstock.registry.entries import VersionEntry
from penstock.registry.policy import policy_of
from penstock.registry.registry import Registry
from penstock.registry.tags import (
    ARCHIVED_TAG,
    IS_ALLOWED,
    IS_ARCHIVED,
    ROLLED_BACK_TAG,
    ROLLOUT_TAG,
    SIGNATURE_CHANGE_TAG,
)
from penstock.registry.turn import alias_turn, moving_tags
from penstock.registry.version_files import VersionFiles

__all__ = [
    "CANDIDATE",
    "CHAMPION",
    "NO_VERSION",
    "Promotion",
    "PromotionWish",
    "archive",
    "moved_alias",
    "promote",
    "reason_against",
]

CHAMPION, CANDIDATE = "champion", "candidate"
#: What `expect` is, if the alias is expected to name nothing.
NO_VERSION = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionWish:
    """`which`: a number or an alias. `expect`: the number that alias `to` must name before, or
    NO_VERSION; None: any.
    """

    name: str
    which: str = CANDIDATE
    to: str = CHAMPION
    expect: int | None = None
    allows_signature_change: bool = False
    #: Promote also what a server has refused or rolled back.
    is_forced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """What was done. `alias` is the one that was set."""

    name: str
    alias: str
    #: None: the alias named nothing.
    before: int | None
    after: int
    #: Whether the rollout policy decides when `to` moves, which names `champion` until then.
    is_rollout: bool = False
    champion: int | None = None
    #: What else is to be told, a sentence each.
    notes: tuple[str, ...] = ()

    @property
    def has_moved(self) -> bool:
        """False: the alias named this version already."""
        return self.before != self.after

    @property
    def sentence(self) -> str:
        """Which of the two was done, in one line."""
        was = "it named none before" if self.before is None else f"it named {self.before} before"
        if not self.is_rollout:
            if not self.has_moved:
                return f"{self.name}: {self.alias} names version {self.after} already."
            return f"{self.name}: {self.alias} was moved to version {self.after} at once; {was}."
        stays = "names none" if self.champion is None else f"stays at version {self.champion}"
        if not self.has_moved:
            return (
                f"{self.name} has a rollout policy, and {self.alias} names version {self.after} "
                f"already: nothing was moved, and {CHAMPION} {stays} until the rollout moves it."
            )
        return (
            f"{self.name} has a rollout policy: {self.alias} was set to version {self.after}, "
            f"which starts the rollout; {was}, and {CHAMPION} {stays} until it goes live."
        )


def moved_alias(to: str, model_tags: Mapping[str, str]) -> str:
    """The alias that a promotion to `to` sets: with a rollout policy not the champion. Pure."""
    return CANDIDATE if to == CHAMPION and model_tags.get(ROLLOUT_TAG) else to


def reason_against(
    wish: PromotionWish, version: VersionEntry, aliases: Mapping[str, int], change: str
) -> str:
    """A sentence that says why `version` is not promoted, with the mend; empty: nothing. Pure.

    `change`: in what its signature differs from that of the version in whose place it comes.
    """
    label = f"Version {version.version} of {version.name!r}"
    named = aliases.get(wish.to, NO_VERSION)
    if wish.expect is not None and named != wish.expect:
        return (
            f"Alias {wish.to!r} of {version.name!r} names {_shown(named)}, not "
            f"{_shown(wish.expect)} as expected: nothing was moved."
        )
    if version.is_archived:
        return (
            f"{label} is archived: `penstock registry archive {version.name} --version "
            f"{version.version} --undo` brings it back."
        )
    if version.refused and not wish.is_forced:
        return (
            f"{label} was refused by a server: {version.refused.rstrip('.')}. Promote it "
            "nevertheless with --force."
        )
    if version.rolled_back and not wish.is_forced:
        return (
            f"{label} was rolled back: {version.rolled_back.rstrip('.')}. Promote it nevertheless "
            "with --force."
        )
    if change and not _may_change(wish, version):
        return (
            f"{label} does not answer as clients expect: {change}. Promote it nevertheless with "
            "--allow-signature-change."
        )
    return ""


def promote(registry: Registry, wish: PromotionWish) -> Promotion:
    """Move the alias that `wish` asks for, or start the rollout that will.

    Raises:
        RegistryError: there is no such version, something speaks against it, or another writer
            moves the alias at this moment. Nothing was moved then.
    """
    name = wish.name
    registry.version(name, wish.which)  # before anything is written
    alias = moved_alias(wish.to, registry.model_tags(name))
    with alias_turn(registry, name, alias) as turn:
        tags = registry.model_tags(name)
        if moved_alias(wish.to, tags) != alias:
            raise RegistryError(f"The rollout policy of {name!r} has just changed: try again.")
        known = registry.versions(name)
        version = registry.version(name, wish.which)
        aliases = {alias: one.version for one in known for alias in one.aliases}
        change = _change(registry, version, _replaced(known, {wish.to, alias}, version))
        if against := reason_against(wish, version, aliases, change):
            raise RegistryError(against)
        turn.check()
        if change or (wish.allows_signature_change and aliases.get(wish.to) == version.version):
            # Also of an alias that was moved elsewhere, without asking.
            registry.tag_version(name, version.version, SIGNATURE_CHANGE_TAG, IS_ALLOWED)
        is_rollout = alias != wish.to and aliases.get(wish.to) != version.version
        done = Promotion(
            name=name,
            alias=alias if is_rollout else wish.to,
            before=aliases.get(alias if is_rollout else wish.to),
            after=version.version,
            is_rollout=is_rollout,
            champion=aliases.get(CHAMPION),
            notes=(*_notes(version, change), *_policy_notes(name, tags, is_rollout)),
        )
        if version.rolled_back:  # forced: no server is to hold that against it any more
            registry.tag_version(name, version.version, ROLLED_BACK_TAG, None)
        if done.has_moved:
            registry.move_alias(name, done.alias, done.after)
        return done


def archive(registry: Registry, name: str, which: str, *, undo: bool = False) -> VersionEntry:
    """Put a version away, or bring it back.

    Raises:
        RegistryError: there is no such version, or an alias names it.
    """
    with registry.locked():
        version = registry.version(name, which)
        if undo:
            if version.is_archived:
                registry.tag_version(name, version.version, ARCHIVED_TAG, None)
            return registry.version(name, str(version.version))
        _refuse_aliased(version)
        # Written before aliases are read again: a promotion does it the other way round, so one of
        # the two sees the other.
        registry.tag_version(name, version.version, ARCHIVED_TAG, IS_ARCHIVED)
        try:
            found = registry.version(name, str(version.version))
            _refuse_aliased(found)
            if moving_tags(registry.model_tags(name), datetime.now(UTC))[0]:
                raise RegistryError(f"An alias of {name!r} is being moved: try again.")
        except RegistryError:
            if not version.is_archived:
                registry.tag_version(name, version.version, ARCHIVED_TAG, None)
            raise
        return found


def _refuse_aliased(version: VersionEntry) -> None:
    if version.aliases:
        raise RegistryError(
            f"Version {version.version} of {version.name!r} is named by "
            f"{' and '.join(version.aliases)}, so it is not archived: promote another one to that "
            "first."
        )


def _replaced(
    known: Sequence[VersionEntry], aliases: set[str], version: VersionEntry
) -> list[VersionEntry]:
    """The versions that these aliases name now, without `version` itself. Pure."""
    return [one for one in known if aliases & set(one.aliases) and one.version != version.version]


def _change(registry: Registry, version: VersionEntry, replaced: Sequence[VersionEntry]) -> str:
    """In what the signature differs from those of the versions that it would replace.

    Versions that Penstock did not make have none, and are not compared.
    """
    if not replaced or not version.digest:
        return ""
    new = VersionFiles(registry, version).signature()
    if new is None:
        raise RegistryError(
            f"Version {version.version} of {version.name!r} has lost its signature.json: its files "
            "are not what was registered, so it is not promoted."
        )
    for one in replaced:
        if not one.digest:
            continue
        try:
            old = VersionFiles(registry, one).signature()
        except RegistryError:
            old = None
        if old is None:
            return f"the signature of version {one.version}, to compare it with, cannot be read"
        if change := signature_change(old, new):
            return f"beside version {one.version}, {change}"
    return ""


def _may_change(wish: PromotionWish, version: VersionEntry) -> bool:
    is_tagged = version.tags.get(SIGNATURE_CHANGE_TAG) == IS_ALLOWED
    return wish.allows_signature_change or is_tagged


def _notes(version: VersionEntry, change: str) -> tuple[str, ...]:
    notes = []
    if version.refused:
        notes.append(f"A server refused it before: {version.refused.rstrip('.')}.")
    if version.rolled_back:
        notes.append(f"It was rolled back before: {version.rolled_back.rstrip('.')}.")
    if change:
        notes.append(f"Its signature has changed: {change}.")
    return tuple(notes)


def _policy_notes(name: str, tags: Mapping[str, str], is_rollout: bool) -> tuple[str, ...]:
    """That no server will follow the policy, where a rollout is to begin by it."""
    try:
        if is_rollout:
            policy_of(tags.get(ROLLOUT_TAG, ""), name)
    except RegistryError as error:
        return (f"{error} No server rolls the version out: `penstock registry policy` mends it.",)
    return ()


def _shown(version: int) -> str:
    return "no version" if version == NO_VERSION else f"version {version}"
