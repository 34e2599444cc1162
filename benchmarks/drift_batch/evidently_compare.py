# SPDX-License-Identifier: Apache-2.0
"""Evidently's drift preset over two files of Parquet. Runs in an environment of its own, and sends
nothing. Arguments: reference, current, and where the page goes, or nothing.
"""

import os
import sys
import time

os.environ["DO_NOT_TRACK"] = "1"

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

from benchmarks.drift_batch.told import tell


def main() -> None:
    """Compare them."""
    reference, current, page = (*sys.argv[1:], "")[:3]
    begin = time.perf_counter()
    frames = [pd.read_parquet(path) for path in (reference, current)]
    is_text = {name: kind.kind == "O" for name, kind in frames[0].dtypes.items()}
    definition = DataDefinition(
        numerical_columns=[name for name in is_text if not is_text[name]],
        categorical_columns=[name for name in is_text if is_text[name]],
    )
    datasets = [Dataset.from_pandas(frame, data_definition=definition) for frame in frames]
    found = Report([DataDriftPreset()]).run(datasets[1], datasets[0])
    drifted = []
    for metric in found.dict()["metrics"]:
        config = metric["config"]
        # Of its distances, which it takes for more than 1000 rows, more is drift.
        if config["type"].endswith("ValueDrift") and metric["value"] >= config["threshold"]:
            drifted.append(config["column"])
    if page:
        found.save_html(page)
    tell(drifted, time.perf_counter() - begin)


if __name__ == "__main__":
    main()
