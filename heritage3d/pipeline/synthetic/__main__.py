"""`python -m heritage3d.pipeline.synthetic OUT --set sixteen`: take photographs of the monument or of a scene."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from heritage3d.pipeline.synthetic.monument import STATES
from heritage3d.pipeline.synthetic.scenes import SCENES
from heritage3d.pipeline.synthetic.sets import SETS, photograph_set


def main() -> int:
    parser = argparse.ArgumentParser(prog="heritage3d.pipeline.synthetic", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--set", choices=sorted({*SETS, *SCENES}), default="sixteen")
    parser.add_argument("--state", choices=STATES, default="intact")
    parser.add_argument("--depth", action="store_true", help="also write the true depth of every pixel")
    chosen = parser.parse_args()
    if chosen.set in SCENES:
        SCENES[chosen.set](chosen.out)
        return 0
    photograph_set(SETS[chosen.set], chosen.out, state=chosen.state, keep_depth=chosen.depth)
    return 0


if __name__ == "__main__":
    sys.exit(main())
