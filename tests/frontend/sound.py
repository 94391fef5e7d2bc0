"""A recording made by arithmetic, for the player to play."""

from __future__ import annotations

import io
import math
import struct
import wave
from functools import lru_cache


@lru_cache(maxsize=2)
def tone(*, seconds: int, rate: int = 4000) -> bytes:
    """A quiet tone of 220 Hz as WAV, 16 bit, mono."""
    samples = (int(2000 * math.sin(2 * math.pi * 220 * n / rate)) for n in range(seconds * rate))
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return out.getvalue()
