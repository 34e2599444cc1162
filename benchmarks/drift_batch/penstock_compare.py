# SPDX-License-Identifier: Apache-2.0
"""Penstock's comparison of two files of Parquet. Arguments: reference, current, and where the page
goes, or nothing.
"""

import sys
import time

from benchmarks.drift_batch.told import tell
from penstock_monitoring.compare_tables import compare


def main() -> None:
    """Compare them."""
    reference, current, page = (*sys.argv[1:], "")[:3]
    begin = time.perf_counter()
    found = compare(reference, current)
    if page:
        found.save(page)
    drifted = [column.name for column in found.status.columns if column.state == "alarm"]
    tell(drifted, time.perf_counter() - begin)


if __name__ == "__main__":
    main()
