"""Public copies of recordings, made by ffmpeg as a process: sound and picture, and nothing that was said about them."""

from __future__ import annotations

import array
import functools
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from archive.derivatives.made import Made, NotDerivable, RunChild, Variant, explain
from jobs.children import MIB, Limits

#: Which of ffmpeg's readers may open which type. Naming it keeps playlists and other readers that open further
#: files, or the network, out of reach.
DEMUXERS = {
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/mpeg": "mp3",
    "audio/mp4": "mov",
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "application/ogg": "ogg",
    "video/webm": "matroska",
    "video/x-matroska": "matroska",
    "video/x-msvideo": "avi",
}
#: safety.md rule 4: without these ffmpeg hands titles, positions, chapters and its own name on.
BARE = [
    "-map_metadata", "-1", "-map_metadata:s", "-1", "-map_chapters", "-1",
    "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact", "-sn", "-dn",
]  # fmt: skip
_AUDIO = ["-c:a", "aac", "-b:a", "96k", "-ac", "2", "-ar", "48000"]
#: Wider films are made this narrow.
VIDEO_WIDTH = 1280
_VIDEO = [
    "-c:v", "libx264", "-preset", "veryfast", "-crf", "24", "-pix_fmt", "yuv420p",
    "-vf", f"scale='min({VIDEO_WIDTH},iw)':-2", "-profile:v", "main",
]  # fmt: skip
#: The waveform is read at this rate: 4 kHz of sound are plenty to see where somebody speaks.
WAVEFORM_RATE = 8000
#: Bars of a waveform: enough for the widest player.
WAVEFORM_PEAKS = 1800
_TIME = re.compile(r"out_time_us=(\d+)")


@functools.cache
def ffmpeg() -> str | None:
    """The ffmpeg to run: the system's, else the one that the package imageio-ffmpeg brings, else None."""
    system = shutil.which("ffmpeg")
    if system:
        return system
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return None


def limits_for(size: int) -> Limits:
    """What transcoding ``size`` bytes may use: a minute and a half, and the more the longer it is."""
    return Limits(
        seconds=90 + size / 200_000,
        memory_bytes=1536 * MIB,
        file_bytes=max(256 * MIB, 4 * size),
        output_bytes=16 * MIB,
        processes=16,
    )


def make_recording(
    source: Path,
    media_type: str,
    folder: Path,
    run: RunChild,
    *,
    progress: Callable[[int], None] = lambda milliseconds: None,
) -> list[Made]:
    """Transcode the recording ``source`` into ``folder``: ``audio`` or ``video``, and its ``waveform``.

    ``progress`` hears how many milliseconds are done. A film without sound has no waveform. Raises
    :class:`~archive.derivatives.made.NotDerivable`.
    """
    program = ffmpeg()
    if program is None:
        raise NotDerivable("No ffmpeg is here: recordings get no public copy. Install Debian's ffmpeg, then try again.")
    if media_type not in DEMUXERS:
        raise NotDerivable(f"Recordings of the type {media_type} are kept, but no public copy is made of them.")
    begin = [program, "-nostdin", "-hide_banner", "-loglevel", "error", "-protocol_whitelist", "file"]
    opening = ["-f", DEMUXERS[media_type], "-i", str(source)]
    limits = limits_for(source.stat().st_size)
    film = media_type.startswith("video/")
    kind, target = ("video", folder / "video.mp4") if film else ("audio", folder / "audio.m4a")
    streams = ["-map", "0:v:0", "-map", "0:a:0?", *_VIDEO] if film else ["-map", "0:a:0", "-vn"]
    done = 0

    def heard(line: str) -> None:
        nonlocal done
        if found := _TIME.match(line):
            done = max(done, int(found[1]) // 1000)
            progress(done)

    finished = run(
        [*begin, "-progress", "pipe:1", *opening, *streams, *_AUDIO, *BARE, "-movflags", "+faststart", str(target)],
        limits=limits,
        read_only=[source],
        writable=[folder],
        on_line=heard,
    )
    if not finished.ok or not target.is_file() or not target.stat().st_size:
        raise explain(finished, "recording")
    # The waveform is drawn from the public copy: what it does not say, the drawing cannot say.
    pcm = folder / "waveform.pcm"
    samples = ["-map", "0:a:0?", "-vn", "-ac", "1", "-ar", str(WAVEFORM_RATE), "-f", "s16le"]
    finished = run(
        [*begin, "-f", "mov", "-i", str(target), *samples, *BARE, str(pcm)],
        limits=limits,
        read_only=[],
        writable=[folder],
    )
    duration = done
    made: list[Made] = []
    if finished.ok and pcm.is_file() and pcm.stat().st_size:
        duration = pcm.stat().st_size * 1000 // (2 * WAVEFORM_RATE)
        drawing = folder / "waveform.json"
        drawing.write_text(json.dumps({"duration_ms": duration, "peaks": peaks(pcm)}, separators=(",", ":")))
        made.append(
            Made("waveform", Variant("json", WAVEFORM_PEAKS), drawing, "application/json", {"duration_ms": duration})
        )
    elif not film:
        raise explain(finished, "recording")
    pcm.unlink(missing_ok=True)
    variant = Variant("h264", VIDEO_WIDTH) if film else Variant("aac")
    made.insert(0, Made(kind, variant, target, "video/mp4" if film else "audio/mp4", {"duration_ms": duration}))
    return made


def peaks(pcm: Path, count: int = WAVEFORM_PEAKS) -> list[float]:
    """The loudest sample of each of at most ``count`` equal stretches, 0 … 1, from raw 16-bit mono sound."""
    samples = pcm.stat().st_size // 2
    stretches = min(count, samples)
    found: list[float] = []
    with pcm.open("rb") as stream:
        for number in range(stretches):
            length = (number + 1) * samples // stretches - number * samples // stretches
            block = array.array("h", stream.read(2 * length))
            if sys.byteorder == "big":
                block.byteswap()
            found.append(round(max(max(block), -min(block)) / 32768, 3))
    return found
