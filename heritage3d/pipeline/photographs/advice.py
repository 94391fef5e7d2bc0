"""What to tell a photographer: from numbers to sentences."""

from __future__ import annotations

from collections.abc import Sequence

from heritage3d.pipeline.photographs.judge import BLURRED, BRIGHT, DARK
from heritage3d.pipeline.photographs.table import Photograph

FEWEST = 3
TAKE_MORE = (
    "Take at least five, better twenty or more photographs: walk sideways round the subject, a step or two between "
    "shots, so that every part is in three or more of them."
)
MOVE = (
    "Move between shots. Turning on the spot, or zooming, shows no depth; photograph the same part from places that "
    "are a step or more apart."
)
OVERLAP = "Let neighbouring photographs overlap by two thirds, and turn by no more than 15° from one to the next."
STEADY = "Hold the camera still or use a tripod, focus on the subject, and avoid dim light."
TEXTURE = "Glass, water, mirrors and blank walls cannot be matched; include textured surroundings in the picture."
TURNTABLE = (
    "If the object was turned before a fixed camera, give masks that leave out the background (--masks), "
    "or photograph it before a plain cloth."
)


def advice_on(photographs: Sequence[Photograph]) -> list[str]:
    """Sentences about what is not ideal in a usable set; empty when nothing is."""
    advice = []
    blurred = [photograph.original for photograph in photographs if photograph.blur > BLURRED]
    if blurred:
        advice.append(f"{len(blurred)} of {len(photographs)} photographs are blurred ({_some(blurred)}). {STEADY}")
    dark = [photograph.original for photograph in photographs if photograph.brightness < DARK]
    if dark:
        advice.append(f"{len(dark)} photographs are very dark ({_some(dark)}); expose longer.")
    bright = [photograph.original for photograph in photographs if photograph.brightness > BRIGHT]
    if bright:
        advice.append(f"{len(bright)} photographs are very bright ({_some(bright)}); expose less.")
    if len(photographs) < 5:
        advice.append(f"Only {len(photographs)} photographs could be used. {TAKE_MORE}")
    return advice


def all_blurred(photographs: Sequence[Photograph]) -> bool:
    """Whether so many are blurred that fewer than three sharp ones remain."""
    return sum(photograph.blur <= BLURRED for photograph in photographs) < FEWEST


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
