"""From a request to a finished folder: every stage of the recipe in a child of its own, its result sealed.

Layout of the output folder: what people want at the top (`model.glb`, `report.html`, …), one log per stage in `logs/`,
and `work/`, which holds sealed stage results under their cache key and may be deleted at any time.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from heritage3d.pipeline import sandbox
from heritage3d.pipeline.inputs import UserFiles
from heritage3d.pipeline.presets import preset_numbers
from heritage3d.pipeline.progress import Progress
from heritage3d.pipeline.recipe import PREVIEW, RECIPE, STAGE_NAMES, Request, Stage, needed_for
from heritage3d.pipeline.sealing import NO_SPACE, BrokenSeal, Sealed, copy_whole, hash_value, seal, verify, write_whole
from heritage3d.pipeline.system_libraries import require_installed
from heritage3d.pipeline.verdicts import Cancelled, ImpossibleInput, StageFault
from heritage3d.pipeline.watch import Outcome, run_child

#: Packages whose version may change a result.
LIBRARIES = (
    "numpy",
    "scipy",
    "numba",
    "opencv-python-headless",
    "pycolmap",
    "open3d-cpu",
    "open3d",
    "pillow",
    "xatlas",
)
LARGEST_FILE = 16 * 1024**3
#: Less than this left on the disk after a failure, and the disk is named as its cause.
FULL_DISK_BYTES = 8 * 1024**2
GIB = 1024**3


@dataclass
class StageRecord:
    """What a stage of this run took, for the report."""

    name: str
    seconds: float
    peak_rss_mb: float
    cached: bool
    cpu_seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)


@dataclass
class RunOutcome:
    """A finished run."""

    exit_code: int
    report: dict[str, Any]
    records: list[StageRecord]


def software_versions() -> dict[str, str]:
    """Versions of everything that takes part, by package name."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in LIBRARIES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


class Run:
    """One reconstruction. `execute()` returns when everything is done, or raises a `ReconstructionError`."""

    def __init__(self, request: Request, progress: Progress, is_cancelled: Callable[[], bool] = lambda: False) -> None:
        self.request = request
        self.progress = progress
        self.is_cancelled = is_cancelled
        self.work = request.out / "work"
        self.logs = request.out / "logs"
        self.records: list[StageRecord] = []
        self.sealed: dict[str, Sealed] = {}
        self.files = UserFiles.of(request)
        self._software = software_versions()

    def execute(self) -> RunOutcome:
        """Run every stage that has no result yet, then put the outputs in place."""
        self.perform(STAGE_NAMES[-1])
        return self._publish()

    def perform(self, last: str) -> None:
        """Run every stage that `last` needs and that has no result yet; results are in `sealed` by stage."""
        if self.request.start_from is not None and self.request.start_from not in STAGE_NAMES:
            raise ImpossibleInput(
                f"There is no stage {self.request.start_from!r}.", [f"Stages: {', '.join(STAGE_NAMES)}"]
            )
        self.files.check()
        require_installed()
        self._prepare_folders()
        with self._alone():
            self._forget_unwanted()
            self.files.hash(self._stopping("reading the photographs"))
            wanted = needed_for(last)
            for position, stage in enumerate(RECIPE, start=1):
                if stage.name not in wanted:
                    continue
                self._perform(stage, position)
                if stage.name == "sfm" and "depth" in wanted:
                    self._preview()

    def _prepare_folders(self) -> None:
        """Make the folders of the run. Raises StageFault where nothing can be written."""
        try:
            for folder in (self.work / "stages", self.work / "partial", self.logs):
                folder.mkdir(parents=True, exist_ok=True)
            (self.work / "lock").touch()
        except OSError as error:
            if error.errno in NO_SPACE:
                raise self._write_fault("the beginning", error) from error
            raise StageFault(
                f"{self.request.out} cannot be written to: {error.strerror or type(error).__name__}.",
                ["Choose a folder of your own that may be made or exists already (--out)."],
            ) from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two runs in one folder would seal over each other."""
        with (self.work / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StageFault(
                    f"Another reconstruction is writing to {self.request.out}.",
                    ["Wait for it or choose another --out."],
                ) from error
            except OSError as error:
                raise self._write_fault("the beginning", error) from error
            yield

    def _forget_unwanted(self) -> None:
        """Without --resume or --from a run starts anew; with --from that stage and all after it do."""
        names = list(STAGE_NAMES)
        if self.request.start_from is not None:
            unwanted = names[names.index(self.request.start_from) :]
        elif self.request.resume:
            unwanted = []
        else:
            unwanted = [*names, PREVIEW.name]
        for name in unwanted:
            for place in ("stages", "partial"):
                shutil.rmtree(self.work / place / name, ignore_errors=True)

    def key_of(self, stage: Stage) -> str:
        """The cache key: what the stage reads, what it was asked, which code and libraries do it. Never a path, the
        time or the number of threads.
        """
        numbers = preset_numbers(self.request.preset)
        return hash_value(
            {
                "stage": stage.name,
                "version": stage.version,
                "inputs": {name: self.sealed[name].digest for name in stage.needs},
                "files": {kind: self.files.digests[kind] for kind in stage.user_files},
                "preset": {name: numbers[name] for name in stage.preset_fields},
                "deterministic": self.request.deterministic if stage.name in ("features", "matching", "sfm") else None,
                "software": self._software,
            }
        )[:24]

    def _perform(self, stage: Stage, position: int) -> None:
        key = self.key_of(stage)
        final = self.work / "stages" / stage.name / key
        self.progress.stage_started(stage.name, position, len(RECIPE))
        started = time.monotonic()
        stopping = self._stopping(stage.name)
        if final.exists():
            try:
                self.sealed[stage.name] = verify(final, stopping)
            except BrokenSeal as broken:
                self.progress.message(f"{stage.name}: {broken}; it is made anew.")
                shutil.rmtree(final)
            else:
                kept = self.sealed[stage.name].metrics.get("_run", {})
                self.records.append(
                    StageRecord(
                        stage.name,
                        kept.get("seconds", 0.0),
                        kept.get("peak_rss_mb", 0.0),
                        True,
                        kept.get("cpu_seconds", 0.0),
                        kept.get("warnings", []),
                    )
                )
                self.progress.stage_finished(stage.name, time.monotonic() - started, True)
                return
        outcome, temporary = self._run_stage(stage, key)
        record = StageRecord(
            stage.name,
            round(outcome.seconds, 2),
            round(outcome.peak_bytes / 2**20, 1),
            False,
            round(outcome.cpu_seconds, 2),
            outcome.warnings,
        )
        metrics = {**(outcome.result or {}), "_run": {**record.__dict__}}
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            self.sealed[stage.name] = seal(temporary, final, metrics, stopping)
        except OSError as error:
            raise self._write_fault(stage.name, error) from error
        for older in final.parent.iterdir():
            if older != final:
                shutil.rmtree(older, ignore_errors=True)
        shutil.rmtree(temporary.parent, ignore_errors=True)
        self.records.append(record)
        self.progress.stage_finished(stage.name, outcome.seconds, False)

    def _run_stage(self, stage: Stage, key: str) -> tuple[Outcome, Path]:
        temporary = self.work / "partial" / stage.name / key
        for stale in (self.work / "partial" / stage.name).glob("*"):
            if stale.is_dir() and stale.name != key:
                shutil.rmtree(stale, ignore_errors=True)
            elif not stale.is_dir():
                stale.unlink(missing_ok=True)
        cache = numba_cache()
        try:
            temporary.mkdir(parents=True, exist_ok=True)
            request_file = self._write_request(stage, temporary)
        except OSError as error:
            raise self._write_fault(stage.name, error) from error
        walls = sandbox.Walls(
            readable=(
                *(sealed.folder for sealed in self.sealed.values()),
                *self.files.paths_for(stage.user_files),
                request_file,
            ),
            # What opens pictures from outside must not leave anything where other stages find programs.
            writable=(temporary, *(() if set(stage.user_files) - {"surveyed"} else (cache,))),
            largest_file=LARGEST_FILE,
        )
        command = [sys.executable, "-m", "heritage3d.pipeline.child", str(request_file), "{channel}"]
        limit = min(stage.memory_limit or self.request.preset.memory_limit, self.request.preset.memory_limit)
        limit = _limit_from_environment(limit)
        try:
            outcome = run_child(
                sandbox.wrapped(command, walls),
                environment=sandbox.scrubbed_environment(self._threads(stage), cache),
                log=self.logs / f"{stage.name}.log",
                memory_limit=limit,
                on_progress=lambda done, total: self.progress.stage_progress(stage.name, done, total),
                is_cancelled=self.is_cancelled,
            )
        except OSError as error:
            raise self._write_fault(stage.name, error) from error
        self._judge(stage, outcome, limit)
        return outcome, temporary

    def _threads(self, stage: Stage) -> int:
        serial = self.request.deterministic and stage.name in ("features", "matching", "sfm")
        return 1 if serial else self.request.threads

    def _write_request(self, stage: Stage, temporary: Path) -> Path:
        user = self.files.for_child(stage.user_files)
        user["software"] = self._software
        user["sandbox"] = sandbox.tier()
        content = {
            "stage": stage.name,
            "folder": str(temporary),
            "inputs": {name: str(self.sealed[name].folder) for name in stage.needs},
            "preset": self.request.preset.name,
            "deterministic": self.request.deterministic,
            "threads": self._threads(stage),
            "user": user,
            "metrics": {name: sealed.metrics for name, sealed in self.sealed.items()},
            "confinement": {
                "largest_file": LARGEST_FILE,
                "inside": sandbox.bubblewrap() is not None,
                "parent": os.getpid(),
                "readable": [str(self.work), *map(str, self.files.paths_for(stage.user_files))],
                "writable": [str(temporary), str(numba_cache())],
            },
        }
        request_file = temporary.parent / f"{temporary.name}.json"
        write_whole(request_file, json.dumps(content).encode("utf-8"))
        return request_file

    def _judge(self, stage: Stage, outcome: Outcome, limit: int) -> None:
        """Raise what the child's end means, or return when it did its work."""
        log = self.logs / f"{stage.name}.log"
        if outcome.cancelled:
            raise _stopped(stage.name)
        if outcome.impossible is not None:
            raise ImpossibleInput(outcome.impossible, outcome.advice)
        if outcome.over_memory or outcome.fault == "memory":
            raise StageFault(
                f"{stage.name} needed more than the {_amount(limit)} of memory it may have.",
                ["Choose --preset draft, or take fewer photographs at once; --resume keeps what is finished."],
            )
        if outcome.result is not None and outcome.exit_code == 0:
            return
        if outcome.fault == "disk" or shutil.disk_usage(self.work).free < FULL_DISK_BYTES:
            raise self._disk_fault(stage.name)
        if outcome.fault is not None:
            raise StageFault(
                f"{stage.name} failed: {outcome.fault.rstrip('.')}.",
                outcome.advice or [f"Its log is {log}. Try --resume."],
            )
        ended = f"{stage.name} ended without a result"
        number = _signal_behind(outcome.exit_code)
        if number == signal.SIGKILL:
            raise StageFault(
                f"{ended}: it was killed from outside, most often because the machine had no memory left.",
                [
                    "Close other programs and start again with --resume, or choose --preset draft.",
                    f"Its log is {log}.",
                ],
            )
        how = f"exit code {outcome.exit_code}" if number is None else f"it crashed, {number.name}"
        raise StageFault(f"{ended} ({how}).", [f"Start again with --resume. What it said last is in {log}."])

    def _disk_fault(self, where: str) -> StageFault:
        return StageFault(
            f"The disk was full in {where}.",
            [f"Free some space where {self.request.out} lies and start again with --resume."],
        )

    def _write_fault(self, where: str, error: OSError) -> StageFault:
        """What an error of the file system in a stage means to a person."""
        if error.errno in NO_SPACE:
            return self._disk_fault(where)
        reason = error.strerror or type(error).__name__
        name = f" ({error.filename})" if error.filename else ""
        return StageFault(
            f"{where} could not go on: {reason}{name}.",
            [f"Check {self.request.out} and the disk it lies on, and start again with --resume."],
        )

    def _stopping(self, where: str) -> Callable[[], None]:
        """To be called between files that are hashed or copied: raises Cancelled once somebody wants to stop."""

        def check() -> None:
            if self.is_cancelled():
                raise _stopped(where)

        return check

    def _preview(self) -> None:
        """A first look; without it the run goes on."""
        key = self.key_of(PREVIEW)
        final = self.work / "stages" / PREVIEW.name / key
        took = "kept from before"
        try:
            try:
                sealed = verify(final, self._stopping(PREVIEW.name))
            except BrokenSeal:
                shutil.rmtree(final.parent, ignore_errors=True)
                outcome, temporary = self._run_stage(PREVIEW, key)
                final.parent.mkdir(parents=True, exist_ok=True)
                peak = round(outcome.peak_bytes / 2**20, 1)
                run = {"seconds": round(outcome.seconds, 2), "peak_rss_mb": peak}
                took = f"{outcome.seconds:.1f} s"
                sealed = seal(temporary, final, {**(outcome.result or {}), "_run": run})
                shutil.rmtree(temporary.parent, ignore_errors=True)
            copy_whole(sealed.folder / "preview.glb", self.request.out / "preview.glb")
        except (StageFault, ImpossibleInput, OSError) as error:
            self.progress.message(f"No preview: {error}")
        else:
            self.progress.message(f"preview.glb is there ({took})")

    def _publish(self) -> RunOutcome:
        """Copy the outputs to the top of the folder and complete the report with what only the runner knows."""
        from heritage3d.pipeline.outputs import publish

        try:
            report = publish(self.sealed, self.records, self.request.out, self._stopping("the last step"))
        except OSError as error:
            raise self._write_fault("the last step, in which the results are put in place", error) from error
        if all(record.cached for record in self.records):
            self.progress.message(
                "Nothing was left to do: every stage is kept from before, and its results are in place."
            )
        partial = report["inputs"]["used"] < report["inputs"]["images"]
        return RunOutcome(1 if partial else 0, report, self.records)


def numba_cache() -> Path:
    """Where compiled kernels are kept between runs: beside the user's other caches, never in the project.

    Raises StageFault where it cannot be made.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "cairn" / "numba"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StageFault(
            f"{folder}, where compiled programs are kept, cannot be made: {error.strerror}.",
            ["Set XDG_CACHE_HOME to a folder of your own and start again with --resume."],
        ) from error
    return folder


def _amount(size: int) -> str:
    """A number of bytes as a person says it."""
    return f"{size / GIB:.1f} GiB" if size >= GIB else f"{size / 2**20:.0f} MiB"


def _stopped(where: str) -> Cancelled:
    return Cancelled(f"Stopped in {where}.", ["Start again with --resume to go on from here."])


def _signal_behind(exit_code: int) -> signal.Signals | None:
    """The signal that ended a child: Python tells -9, bubblewrap passes on 128 + 9; None for an ordinary end."""
    number = -exit_code if exit_code < 0 else exit_code - 128
    try:
        return signal.Signals(number) if number > 0 else None
    except ValueError:
        return None


def _limit_from_environment(limit: int) -> int:
    """`CAIRN_STAGE_MEMORY` (bytes) lowers every stage's limit: for small machines, and for tests of that fault."""
    wanted = os.environ.get("CAIRN_STAGE_MEMORY", "")
    return min(limit, int(wanted)) if wanted.isdigit() else limit
