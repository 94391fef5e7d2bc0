"""A monument that never stood: geometry, photographs and exact truth made by rule, to measure reconstructions with.

Fiction through and through: no real building, no real damage. `MONUMENT_VERSION` is frozen: figures are comparable
only within one version, so any change of geometry, materials, cameras or sensor raises it.
"""

from __future__ import annotations

MONUMENT_VERSION = 1
