"""What a reconstruction needs of the machine: the workers' Python packages, and libraries of the system.

The Python packages come with `make workers`; web process and demonstration do without them. Of the system, Open3D is
linked to OpenGL and libusb though nothing here draws with it or asks for a depth camera; numba's threads, in the only
layer that goes together with Open3D's, are libgomp's. A bare Debian has none of them.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from importlib.util import find_spec

from heritage3d.pipeline.verdicts import StageFault

#: Modules of the `workers` extra that no stage can do without.
WORKERS = (
    "numpy",
    "scipy",
    "numba",
    "cv2",
    "pycolmap",
    "open3d",
    "trimesh",
    "xatlas",
    "fast_simplification",
    "psutil",
)

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


def missing_modules() -> tuple[str, ...]:
    """The Python packages, by module, that `make workers` would bring."""
    return tuple(module for module in WORKERS if find_spec(module) is None)


def require_installed() -> None:
    """Raise StageFault with the remedy where something is missing; imports no numerical library itself."""
    if modules := missing_modules():
        raise StageFault(
            f"Reconstruction needs Python packages that are not installed: {', '.join(modules)}.",
            ["Install them with “make workers” (about 350 MB to fetch) and start again."],
        )
    if packages := missing_packages():
        raise StageFault(
            f"Reconstruction needs libraries that this system does not have: {', '.join(packages)}.",
            [f"Install them (on Debian: apt-get install {' '.join(packages)}) and start again."],
        )


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
