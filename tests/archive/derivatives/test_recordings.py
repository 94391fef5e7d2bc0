"""Public copies of recordings: sound and picture go over, titles, positions and chapters do not."""

from __future__ import annotations

import array
import json
import math
import subprocess
from pathlib import Path

import pytest

from archive.derivatives import recordings
from archive.derivatives.made import NotDerivable
from archive.derivatives.recordings import WAVEFORM_PEAKS, ffmpeg, make_recording, peaks
from jobs import children

CANARY = "Narratrice-Ռուբիկոն-41c9"
pytestmark = pytest.mark.skipif(ffmpeg() is None, reason="neither ffmpeg nor imageio-ffmpeg is installed")


def sample(path: Path, *codecs: str, film: bool = False) -> Path:
    """Two seconds of a tone that starts after one, burdened with everything a phone writes."""
    chapters = path.with_suffix(".chapters")
    chapters.write_text(f";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle={CANARY}\n", "utf-8")
    picture = ["-f", "lavfi", "-i", "testsrc=size=322x240:rate=10:duration=3"] if film else []
    command = [
        ffmpeg() or "", "-nostdin", "-loglevel", "error", "-f", "lavfi",
        "-i", "sine=frequency=440:duration=2,adelay=1000:all=1", *picture, "-i", str(chapters),
        "-map", "0:a", *(["-map", "1:v"] if film else []), "-map_chapters", "2" if film else "1",
        "-metadata", f"title={CANARY}", "-metadata", f"artist={CANARY}", "-metadata", "location=+40.1792+044.4991/",
        "-metadata", f"comment={CANARY}", "-metadata:s:a:0", f"title={CANARY}", *codecs, str(path),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return path


def told(path: Path) -> str:
    """What ffmpeg itself can read from a file beside its streams."""
    done = subprocess.run(
        [ffmpeg() or "", "-hide_banner", "-i", str(path)], capture_output=True, text=True, check=False
    )
    return done.stderr.replace(str(path), "")


@pytest.mark.parametrize(
    ("name", "media_type", "codecs"),
    [
        ("voice.wav", "audio/wav", []),
        ("voice.mp3", "audio/mpeg", ["-c:a", "libmp3lame"]),
        ("voice.m4a", "audio/mp4", ["-c:a", "aac"]),
        ("voice.flac", "audio/flac", ["-c:a", "flac"]),
    ],
)
def test_a_voice_goes_over_bare(tmp_path: Path, name: str, media_type: str, codecs: list[str]) -> None:
    source = sample(tmp_path / name, *codecs)
    assert CANARY in told(source), "the sample must carry what is to be removed"
    (tmp_path / "made").mkdir()
    audio, waveform = make_recording(source, media_type, tmp_path / "made", children.run)
    assert (audio.kind, audio.media_type, waveform.kind) == ("audio", "audio/mp4", "waveform")
    assert abs(audio.technical["duration_ms"] - 3000) < 120
    assert CANARY.encode() not in audio.path.read_bytes()
    said = told(audio.path)
    assert CANARY not in said and "location" not in said and "Chapter" not in said and "title" not in said
    assert "encoder" not in said.lower()
    drawing = json.loads(waveform.path.read_text())
    quarter = len(drawing["peaks"]) // 4
    assert max(drawing["peaks"][:quarter]) < 0.02, "the first second is silent"
    assert max(drawing["peaks"][2 * quarter :]) > 0.05, "then somebody is heard"


def test_a_film_goes_over_bare_and_even(tmp_path: Path) -> None:
    source = sample(tmp_path / "film.mp4", "-c:v", "libx264", "-c:a", "aac", film=True)
    assert CANARY in told(source)
    (tmp_path / "made").mkdir()
    heard: list[int] = []
    video, waveform = make_recording(source, "video/mp4", tmp_path / "made", children.run, progress=heard.append)
    assert (video.kind, waveform.kind) == ("video", "waveform")
    assert str(video.variant) == "size=1280;codec=h264"
    said = told(video.path)
    assert CANARY.encode() not in video.path.read_bytes()
    assert CANARY not in said and "location" not in said and "Chapter" not in said
    assert "322x240" in said and "yuv420p" in said
    assert heard and heard == sorted(heard) and abs(heard[-1] - 3000) < 250


def test_taking_the_flags_away_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard: without the flags of safety.md rule 4 the name goes over, and the look above sees it."""
    source = sample(tmp_path / "voice.m4a", "-c:a", "aac")
    monkeypatch.setattr(recordings, "BARE", [])
    (tmp_path / "made").mkdir()
    audio, _waveform = make_recording(source, "audio/mp4", tmp_path / "made", children.run)
    assert CANARY in told(audio.path)


def test_a_playlist_cannot_make_ffmpeg_read_other_files(tmp_path: Path) -> None:
    secret = sample(tmp_path / "secret.wav")
    playlist = tmp_path / "playlist.mp3"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nfile://{secret}\n#EXT-X-ENDLIST\n")
    (tmp_path / "made").mkdir()
    with pytest.raises(NotDerivable):
        make_recording(playlist, "audio/mpeg", tmp_path / "made", children.run)


@pytest.mark.parametrize(
    "data", [b"", b"ID3" + b"\0" * 50, b"RIFF\xff\xff\xff\xffWAVEfmt "], ids=["empty", "tag", "wav"]
)
def test_what_is_no_recording_is_refused_in_a_sentence(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    (tmp_path / "made").mkdir()
    with pytest.raises(NotDerivable, match="No public copy could be made of this recording"):
        make_recording(tmp_path / "file", "audio/wav", tmp_path / "made", children.run)


def test_unknown_types_are_kept_but_not_shown(tmp_path: Path) -> None:
    with pytest.raises(NotDerivable, match="application/x-reel"):
        make_recording(tmp_path / "reel", "application/x-reel", tmp_path, children.run)


def test_peaks_are_the_loudest_sample_of_each_stretch(tmp_path: Path) -> None:
    rising = array.array("h", [int(32767 * n / 9999 * math.cos(n)) for n in range(10_000)])
    (tmp_path / "pcm").write_bytes(rising.tobytes())
    drawn = peaks(tmp_path / "pcm", count=100)
    assert len(drawn) == 100
    assert drawn == sorted(drawn) and drawn[0] < 0.02 < 0.98 < drawn[-1] <= 1.0
    (tmp_path / "pcm").write_bytes(array.array("h", [-32768, 5]).tobytes())
    assert peaks(tmp_path / "pcm", count=WAVEFORM_PEAKS) == [1.0, 0.0]
