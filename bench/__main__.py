"""All benchmarks, or those named: ``python -m bench [NAME…]``; one JSON object a line.

Each runs in a process of its own. A figure that misses its target is a figure, not a failure; the exit status
says only whether every benchmark could be run.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import subprocess
import sys
from typing import Any

NAMES = ("search", "importing", "pages", "slow", "weight")
_BOUND = re.compile(r"(?P<comparison>[≤≥]|<=|>=)\s*(?P<bound>\d[\d,_]*(?:\.\d+)?)")
_MEMBERS = ("figure", "value", "unit", "target", "baseline", "ratio", "ok")


def in_one_form(line: dict[str, Any]) -> dict[str, Any]:
    """A benchmark's line with the members that all lines have, in their order; what else it says follows.

    ``ok`` is worked out of a target such as ``≤ 300`` or ``ratio >= 10`` where the benchmark did not say it.
    """
    line = dict(line)
    if "name" in line:
        line["figure"] = line.pop("name")
    if "skipped" not in line and line.get("ok") is None and (bound := _BOUND.search(str(line.get("target") or ""))):
        measured = line.get("ratio") if str(line["target"]).startswith("ratio") else line.get("value")
        limit = float(bound["bound"].replace(",", "").replace("_", ""))
        least = bound["comparison"] in ("≥", ">=")
        line["ok"] = measured is not None and (measured >= limit if least else measured <= limit)
    return {**{member: line.pop(member, None) for member in _MEMBERS}, **line}


def run(name: str) -> bool:
    """Run one benchmark and pass its figures on as they come; False when it broke down."""
    module = f"bench.{name}"
    if importlib.util.find_spec(module) is None:
        print(json.dumps(in_one_form({"figure": name, "skipped": f"there is no {module}"})), flush=True)
        return True
    with subprocess.Popen([sys.executable, "-m", module], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for said in process.stdout:
            try:
                line = json.loads(said)
            except ValueError:
                sys.stderr.write(said)
                continue
            if isinstance(line, dict):
                print(json.dumps(in_one_form(line), ensure_ascii=False), flush=True)
    if process.returncode:
        broken = {"figure": name, "ok": False, "error": f"{module} ended with status {process.returncode}"}
        print(json.dumps(in_one_form(broken)), flush=True)
    return process.returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(NAMES)}")
    names = parser.parse_args().names or NAMES
    if unknown := sorted(set(names) - set(NAMES)):
        parser.error(f"There is no benchmark “{unknown[0]}”; there are {', '.join(NAMES)}.")
    broken = [name for name in names if not run(name)]
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
