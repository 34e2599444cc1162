# SPDX-License-Identifier: Apache-2.0
"""The reader of each format."""

from penstock.predict.arrow import pyarrow_module
from penstock.predict.options import ReadingBounds
from penstock.predict.source.chunks import Source
from penstock.predict.source.csv import CsvSource
from penstock.predict.source.feather import ArrowSource
from penstock.predict.source.files import InputFiles
from penstock.predict.source.parquet import ParquetSource

__all__ = ["open_source"]


def open_source(files: InputFiles, bounds: ReadingBounds) -> Source:
    """The files, ready to be read. Raises PredictError if one cannot be read."""
    pyarrow_module()
    match files.format:
        case "parquet":
            return ParquetSource(files, bounds)
        case "arrow":
            return ArrowSource(files, bounds)
        case _:
            return CsvSource(files, bounds)
