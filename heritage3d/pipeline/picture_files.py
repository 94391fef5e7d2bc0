"""Writing pictures so that a full disk is an error and never a file that is cut off."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt


def write_picture(path: Path, picture: npt.NDArray[Any], settings: Sequence[int] = ()) -> None:
    """Encode by the name's ending (BGR or grey, 8 bit) and write. Raises OSError, which `cv2.imwrite` does not."""
    done, encoded = cv2.imencode(path.suffix, np.ascontiguousarray(picture), list(settings))
    if not done:
        raise OSError(f"{path.name} could not be encoded")
    path.write_bytes(encoded.tobytes())
