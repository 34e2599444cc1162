# SPDX-License-Identifier: Apache-2.0
"""Hands the extension modules to the ninja build; everything else is in pyproject.toml."""

import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
MODULES = ("penstock._core", "penstock_monitoring._tick")


class NinjaBuild(build_ext):
    """`build_ext` that runs tools/build.py, which compiles into the packages' folders."""

    def build_extension(self, ext: Extension) -> None:
        """Builds the module and puts it where setuptools expects it."""
        command = [sys.executable, str(ROOT / "tools" / "build.py"), "extension"]
        built = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if built.returncode != 0:
            raise SystemExit(built.returncode)  # tools/build.py has said why, in a sentence
        module = ext.name.rpartition(".")[2]
        paths = [Path(line) for line in built.stdout.splitlines()]
        source = next(path for path in paths if path.name.partition(".")[0] == module)
        wanted = Path(self.get_ext_fullpath(ext.name)).resolve()
        if wanted != source:
            wanted.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, wanted)


# Off Linux, Penstock is its Python parts.
is_linux = sys.platform == "linux"
setup(
    cmdclass={"build_ext": NinjaBuild},
    ext_modules=[Extension(name, sources=[]) for name in MODULES] if is_linux else [],
)
