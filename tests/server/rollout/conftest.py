# SPDX-License-Identifier: Apache-2.0
"""Makes the folder `benchmarks`, which is no part of an installed package, importable."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
