# SPDX-License-Identifier: Apache-2.0
"""A program that promotes a version of iris for each line that it reads, and tells what came of it.

    python -m tests.package.racing_promoter URI

A line is JSON: the version, and which version the champion is expected to be, or null.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from penstock.errors import RegistryError
from penstock.registry import registry_place
from penstock.registry.promotion import PromotionWish, promote
from penstock.registry.registry import Registry


def main(uri: str) -> None:
    registry = Registry(registry_place(uri, folder=Path.cwd()))
    print("ready", flush=True)
    for line in sys.stdin:
        version, expect = json.loads(line)
        wish = PromotionWish(name="iris", which=str(version), expect=expect)
        try:
            promote(registry, wish)
            told = ""
        except RegistryError as error:
            told = str(error)
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
