"""Layers that do what no layer should, and what the report has to say about each."""

from __future__ import annotations

from faults.endings import CRASHES, HANGS, IMPORTS
from faults.exceptions import EXCEPTIONS
from faults.objects import ARRAYS, OBJECTS
from faults.resources import RESOURCES
from faults.shared_state import SHARED_STATE

FAULTS = (
    *CRASHES,
    *HANGS,
    *IMPORTS,
    *RESOURCES,
    *EXCEPTIONS,
    *SHARED_STATE,
    *OBJECTS,
    *ARRAYS,
)
