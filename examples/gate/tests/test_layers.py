"""A test module may name layers, too."""

import sys
from pathlib import Path

import layercheck

sys.path.insert(0, str(Path(__file__).parents[1]))

from layers.scale import Scale

test_scale = layercheck.pytest_checks(Scale, "BC:4,3", dtypes=["float64"])
