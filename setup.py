# SPDX-License-Identifier: Apache-2.0
"""Hands the one extension module to the ninja build; everything else is in pyproject.toml."""

import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent


class NinjaBuild(build_ext):
    """`build_ext` that runs tools/build.py, which compiles into server/penstock/."""

    def build_extension(self, ext: Extension) -> None:
        """Builds the module and puts it where setuptools expects it."""
        command = [sys.executable, str(ROOT / "tools" / "build.py"), "extension"]
        built = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if built.returncode != 0:
            raise SystemExit(built.returncode)  # tools/build.py has said why, in a sentence
        source = Path(built.stdout.splitlines()[-1])
        wanted = Path(self.get_ext_fullpath(ext.name)).resolve()
        if wanted != source:
            wanted.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, wanted)


# Off Linux, Penstock is its Python parts.
is_linux = sys.platform == "linux"
setup(
    cmdclass={"build_ext": NinjaBuild},
    ext_modules=[Extension("penstock._core", sources=[])] if is_linux else [],
)
