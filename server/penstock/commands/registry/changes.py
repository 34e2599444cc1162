# SPDX-License-Identifier: Apache-2.0
"""`penstock registry promote` and `archive`."""

from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from penstock.commands.registry.opened import opened, print_json
from penstock.registry.promotion import PromotionWish, archive, promote

__all__ = ["archive_version", "promote_version"]


def promote_version(console: Console, uri: str, wish: PromotionWish, as_json: bool) -> None:
    """Promotes, and says what was done. Raises RegistryError."""
    done = promote(opened(console, uri), wish)
    if as_json:
        print_json({**asdict(done), "has_moved": done.has_moved})
        return
    for line in (done.sentence, *done.notes):
        console.print(Text(line), soft_wrap=True)


def archive_version(
    console: Console, uri: str, name: str, which: str, undo: bool, as_json: bool
) -> None:
    """Archives or brings back, and says so. Raises RegistryError."""
    version = archive(opened(console, uri), name, which, undo=undo)
    if as_json:
        told = {"name": name, "version": version.version, "is_archived": version.is_archived}
        print_json(told)
        return
    done = "is archived" if version.is_archived else "is not archived"
    console.print(Text(f"{name}: version {version.version} {done}."), soft_wrap=True)
