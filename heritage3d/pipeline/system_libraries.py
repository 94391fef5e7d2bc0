"""Shared libraries that the Python packages expect of the system.

Open3D is linked to OpenGL and libusb though nothing here draws with it or asks for a depth camera; numba's threads, in
the only layer that goes together with Open3D's, are libgomp's. A bare Debian has none of them.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache

#: Shared object → the Debian package that brings it.
NEEDED = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libgomp.so.1": "libgomp1",
    "libusb-1.0.so.0": "libusb-1.0-0",
}


@cache
def missing_packages() -> tuple[str, ...]:
    """The Debian packages without which nothing can be reconstructed here; empty where all is well, or not Linux."""
    return tuple(package for library, package in NEEDED.items() if sys.platform == "linux" and not _loads(library))


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
