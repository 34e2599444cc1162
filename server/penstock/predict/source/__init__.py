# SPDX-License-Identifier: Apache-2.0
"""Rows out of files: one, a folder of them, a pattern or a URL; a chunk at a time.

Importing this does not import pyarrow.
"""

from penstock.predict.source.chunks import Chunk, Source
from penstock.predict.source.files import InputFiles, find_input
from penstock.predict.source.opened import open_source

__all__ = ["Chunk", "InputFiles", "Source", "find_input", "open_source"]
