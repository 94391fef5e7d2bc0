"""A stage in a process of its own: `python -m heritage3d.pipeline.child REQUEST.json CHANNEL`.

The runner starts it with a scrubbed environment and limits (`sandbox`). It imports one stage, runs it, and reports
through the pipe whose descriptor is CHANNEL; what native libraries print goes to the stage's log.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from heritage3d.pipeline.presets import PRESETS
from heritage3d.pipeline.sandbox import confine
from heritage3d.pipeline.sealing import NO_SPACE
from heritage3d.pipeline.stage_context import StageContext
from heritage3d.pipeline.verdicts import ImpossibleInput, ReconstructionError


def _keep_traceback() -> None:
    """For maintainers, in the log; the disk that is full may be the log's own."""
    with contextlib.suppress(OSError):
        traceback.print_exc()


def main(request_file: str, channel_number: str) -> int:
    """Run the stage that the request names; 0 when it reported a result, 1 otherwise."""
    request: dict[str, Any] = json.loads(Path(request_file).read_text(encoding="utf-8"))
    channel = os.fdopen(int(channel_number), "w", encoding="utf-8")
    confine(request["confinement"])
    context = StageContext(
        folder=Path(request["folder"]),
        inputs={name: Path(folder) for name, folder in request["inputs"].items()},
        preset=PRESETS[request["preset"]],
        deterministic=request["deterministic"],
        threads=request["threads"],
        user=request["user"],
        metrics=request["metrics"],
        channel=channel,
    )
    try:
        module = importlib.import_module(f"heritage3d.pipeline.stages.{request['stage']}")
        result = module.run(context)
    except ImpossibleInput as refusal:
        context.tell({"impossible": str(refusal), "advice": list(refusal.advice)})
        return 1
    except ReconstructionError as fault:
        context.tell({"fault": str(fault), "advice": list(fault.advice)})
        return 1
    except MemoryError:
        context.tell({"fault": "memory", "advice": []})
        _keep_traceback()
        return 1
    except OSError as error:
        context.tell({"fault": "disk" if error.errno in NO_SPACE else (error.strerror or "input/output error")})
        _keep_traceback()
        return 1
    except Exception as error:  # noqa: BLE001 - the process ends here; the log keeps the traceback for maintainers
        context.tell({"fault": f"{type(error).__name__}"})
        _keep_traceback()
        return 1
    context.tell({"result": result})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
