"""Stage 1: open what people sent, copy it without its history, find skies, and give advice."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from heritage3d.pipeline.photographs.advice import FEWEST, STEADY, TAKE_MORE, advice_on, all_blurred
from heritage3d.pipeline.photographs.authors import gives_away, words_of
from heritage3d.pipeline.photographs.sky import sky_mask
from heritage3d.pipeline.photographs.table import IMAGES, MASKS, SKIES, Inspection, Photograph, Refusal
from heritage3d.pipeline.photographs.worker import Keeper
from heritage3d.pipeline.picture_files import write_picture
from heritage3d.pipeline.stage_context import StageContext
from heritage3d.pipeline.verdicts import ImpossibleInput


def run(context: StageContext) -> dict[str, Any]:
    """Copies in `images/`, sky masks in `skies/`, people's masks in `masks/`, and `photographs.json`."""
    for name in (IMAGES, SKIES, MASKS, "opacity"):
        (context.folder / name).mkdir(exist_ok=True)
    given = [(name, Path(path)) for name, path in context.user["photographs"]]
    answers, peak = _copies(context, given)
    refusals, kept = _sort_out(context, given, answers)
    masks = _user_masks(context, kept)
    photographs = _photographs(context, kept, masks)
    for refusal in refusals:
        context.warn(f"{refusal.original} was left out: {refusal.reason}.")
    _refuse_the_impossible(photographs, refusals)
    advice = advice_on(photographs)
    for sentence in advice:
        context.warn(sentence)
    words = words_of(person for answer in answers for person in answer.get("facts", {}).get("people", ()))
    photographs = [
        replace(each, shown=each.copy if gives_away(each.original, words) else each.original) for each in photographs
    ]
    refusals = [
        replace(each, shown=f"file {number}" if gives_away(each.original, words) else each.original)
        for number, each in enumerate(refusals, start=1)
    ]
    Inspection(context.folder, tuple(photographs), tuple(refusals), tuple(advice)).save()
    for leftover in (context.folder / "opacity").iterdir():
        leftover.unlink()
    (context.folder / "opacity").rmdir()
    return {
        "images": len(given),
        "usable": len(photographs),
        "refused": len(refusals),
        "lenses": len({photograph.camera for photograph in photographs}),
        "with_sky": sum(photograph.has_sky for photograph in photographs),
        "with_mask": sum(photograph.has_mask for photograph in photographs),
        "with_position": sum(photograph.position is not None for photograph in photographs),
        "decoder_peak_mb": round(peak / 2**20, 1),
        "sandbox": context.user.get("sandbox", "none"),
    }


def _copies(context: StageContext, given: Sequence[tuple[str, Path]]) -> tuple[list[dict[str, Any]], int]:
    """What the decoder answered for every file, and the most memory it took."""
    answers: list[dict[str, Any]] = [{} for _ in given]
    done = 0
    lock = threading.Lock()
    peaks = []

    def work(offset: int, step: int) -> None:
        nonlocal done
        with Keeper() as keeper:
            for index in range(offset, len(given), step):
                copy = context.folder / IMAGES / f"{index + 1:06d}.jpg"
                opacity = context.folder / "opacity" / f"{index + 1:06d}.png"
                answer = keeper.copy(given[index][1], copy, opacity)
                if "facts" in answer:
                    _find_sky(context.folder, copy, answer["facts"]["orientation"])
                answers[index] = answer
                with lock:
                    done += 1
                    context.progress(done, len(given))
            peaks.append(keeper.peak)

    # OpenCV's own threads would fight with ours.
    cv2.setNumThreads(1)
    workers = max(1, min(context.threads, len(given)))
    with ThreadPoolExecutor(workers) as pool:
        for future in [pool.submit(work, offset, workers) for offset in range(workers)]:
            future.result()
    return answers, max(peaks, default=0)


def _find_sky(folder: Path, copy: Path, orientation: int) -> None:
    picture = cv2.imread(str(copy), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    if picture is None:
        return
    sky = sky_mask(np.asarray(picture, np.uint8), orientation)
    if sky is not None:
        write_picture(folder / SKIES / f"{copy.name}.png", sky)


def _sort_out(
    context: StageContext, given: Sequence[tuple[str, Path]], answers: Sequence[dict[str, Any]]
) -> tuple[list[Refusal], list[tuple[str, str, dict[str, Any]]]]:
    """Refusals, and (copy, original, facts) of what is left; identical pictures count once."""
    refusals: list[Refusal] = []
    kept: list[tuple[str, str, dict[str, Any]]] = []
    seen: dict[str, str] = {}
    for index, ((original, _), answer) in enumerate(zip(given, answers, strict=True)):
        copy = f"{index + 1:06d}.jpg"
        if "facts" not in answer:
            refusals.append(Refusal(original, str(answer.get("refused", "it cannot be read"))))
            (context.folder / IMAGES / copy).unlink(missing_ok=True)
            continue
        content = hashlib.sha256((context.folder / IMAGES / copy).read_bytes()).hexdigest()
        if content in seen:
            refusals.append(Refusal(original, f"it is the same picture as {seen[content]}"))
            (context.folder / IMAGES / copy).unlink()
            (context.folder / SKIES / f"{copy}.png").unlink(missing_ok=True)
            continue
        seen[content] = original
        for note in answer["facts"]["notes"]:
            context.warn(f"{original}: {note}.")
        kept.append((copy, original, answer["facts"]))
    return refusals, kept


def _user_masks(context: StageContext, kept: Sequence[tuple[str, str, dict[str, Any]]]) -> set[str]:
    """Store people's masks at the size of the copies; names of copies that have one."""
    masks = [(name.lower(), path) for name, path in context.user.get("masks", [])]
    # By bare name too: masks often lie in a folder beside that of the photographs.
    by_name = {Path(name).name: path for name, path in masks} | dict(masks)
    masked: set[str] = set()
    with Keeper() as keeper:
        for copy, original, facts in kept:
            target = context.folder / MASKS / f"{copy}.png"
            size = (facts["width"], facts["height"])
            found = next((by_name[name] for name in _mask_names(original) if name in by_name), None)
            if found is not None:
                aside = context.folder / "opacity" / "mask.jpg"
                answer = keeper.copy(Path(found), aside, context.folder / "opacity" / "mask.png")
                if "facts" not in answer:
                    context.warn(f"The mask of {original} was not used: {answer.get('refused', 'it cannot be read')}.")
                    continue
                grey = cv2.imread(str(aside), cv2.IMREAD_GRAYSCALE)
                shape = (answer["facts"]["sensor_width"], answer["facts"]["sensor_height"])
                if grey is None or abs(shape[0] / shape[1] - size[0] / size[1]) > 0.01:
                    context.warn(f"The mask of {original} was not used: it has another shape than its photograph.")
                    continue
                usable = np.where(cv2.resize(grey, size, interpolation=cv2.INTER_LINEAR) > 127, 255, 0)
            elif facts["transparent"]:
                opaque = cv2.imread(str(context.folder / "opacity" / f"{Path(copy).stem}.png"), cv2.IMREAD_GRAYSCALE)
                if opaque is None:
                    continue
                usable = np.asarray(opaque)
            else:
                continue
            write_picture(target, np.asarray(usable, np.uint8))
            masked.add(copy)
    if by_name and not masked:
        context.warn("None of the masks fits a photograph by its name (photo.jpg needs photo.png or photo.jpg.png).")
    return masked


def _mask_names(original: str) -> tuple[str, ...]:
    """Names under which the mask of a photograph is looked for, most exact first."""
    path = Path(original.lower())
    plain = (f"{path.as_posix()}.png", path.with_suffix(".png").as_posix(), f"{path.with_suffix('')}_mask.png")
    flat = (f"{path.name}.png", f"{path.stem}.png", f"{path.stem}_mask.png")
    return (*plain, *flat, path.as_posix(), path.name)


def _photographs(
    context: StageContext, kept: Sequence[tuple[str, str, dict[str, Any]]], masks: set[str]
) -> list[Photograph]:
    """Group cameras by lens and size; without EXIF by folder and size."""
    groups: dict[tuple[str, int, int], int] = {}
    photographs = []
    for copy, original, facts in kept:
        lens = facts["lens"] or f"folder:{Path(original).parent.as_posix()}"
        group = groups.setdefault((lens, facts["width"], facts["height"]), len(groups) + 1)
        longest = max(facts["width"], facts["height"])
        focal = facts["focal_35mm"] / 36.0 * longest if facts["focal_35mm"] else None
        photographs.append(
            Photograph(
                copy=copy,
                original=original,
                camera=group,
                width=facts["width"],
                height=facts["height"],
                sensor_width=facts["sensor_width"],
                sensor_height=facts["sensor_height"],
                orientation=facts["orientation"],
                focal=focal,
                position=tuple(facts["position"]) if facts["position"] else None,
                blur=facts["judgement"]["blur"],
                brightness=facts["judgement"]["brightness"],
                has_sky=(context.folder / SKIES / f"{copy}.png").exists(),
                has_mask=copy in masks,
            )
        )
    return photographs


def _refuse_the_impossible(photographs: Sequence[Photograph], refusals: Sequence[Refusal]) -> None:
    """Raise ImpossibleInput where no model can come from what is left."""
    why = [f"{refusal.original}: {refusal.reason}." for refusal in refusals[:12]]
    if len(photographs) < FEWEST:
        raise ImpossibleInput(
            f"Only {len(photographs)} of {len(photographs) + len(refusals)} files are usable photographs; "
            f"a model needs at least {FEWEST}.",
            [*why, TAKE_MORE],
        )
    if all_blurred(photographs):
        raise ImpossibleInput("Nearly all photographs are blurred.", [*why, STEADY])
