# SPDX-License-Identifier: Apache-2.0
"""`penstock verify`: whether a package is whole, and its files fit each other."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from penstock.package.checks import PackageCheck, check_package
from penstock.package.manifest import Manifest

__all__ = ["print_checks", "verify_folder"]


def verify_folder(console: Console, folder: Path, public_keys: Sequence[Path]) -> bool:
    """Checks the package in `folder`, prints what came of it, and tells whether all passed.

    Raises PackageError if it is none, is damaged, or is not signed as it must be.
    """
    with console.status("verifying"):
        manifest, checks = check_package(folder, public_keys=public_keys)
    print_checks(console, manifest, checks)
    return all(check.passed for check in checks)


def print_checks(console: Console, manifest: Manifest, checks: Sequence[PackageCheck]) -> None:
    """Prints a line for each check, and the package's name and digest."""
    table = Table.grid(padding=(0, 2))
    for check in checks:
        mark = Text("passed", "green") if check.passed else Text("failed", "red")
        table.add_row(mark, Text(check.name), Text(check.reason))
    console.print(table)
    console.print(
        f"{manifest.name}: {len(manifest.files)} files, digest {manifest.digest}",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )
