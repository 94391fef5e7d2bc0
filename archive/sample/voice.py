"""A small speaking machine: phonemes become sound by a glottal source and a few resonators, in plain Python.

The sample recording must be nobody's voice, so it is computed at set-up. The method is the cascade of a formant
synthesiser as D. H. Klatt describes it (*Software for a cascade/parallel formant synthesizer*, Journal of the
Acoustical Society of America 67, 1980): a train of glottal pulses and aspiration noise pass four resonators in a row;
frication passes one of its own. Formants of vowels are Peterson and Barney's means for women (1952). The result is
the same to the sample on every machine.
"""

from __future__ import annotations

import array
import io
import math
import sys
import wave
from collections.abc import Sequence
from dataclasses import dataclass, replace

#: Samples a second; speech needs no more.
RATE = 16_000
#: One set of parameters holds for this many milliseconds.
FRAME_MS = 5
_FRAME = RATE * FRAME_MS // 1000
_BANDWIDTHS = (70.0, 100.0, 140.0, 240.0)
_FOURTH = 4100.0
_BASE_PITCH = 172.0
#: An old voice takes its time.
_SLOWNESS = 1.18


@dataclass(frozen=True)
class Sound:
    """One steady stretch: formants in hertz, amplitudes 0 … 1, length in milliseconds."""

    formants: tuple[float, float, float]
    ms: int
    voice: float = 0.0
    breath: float = 0.0
    hiss: float = 0.0
    hiss_hertz: float = 4500.0
    hiss_width: float = 1500.0
    stressed: bool = False


def _vowel(f1: float, f2: float, f3: float, ms: int = 110) -> tuple[Sound, ...]:
    return (Sound((f1, f2, f3), ms, voice=1.0, breath=0.02),)


def _glide(start: tuple[float, float, float], end: tuple[float, float, float], ms: int = 170) -> tuple[Sound, ...]:
    first = Sound(start, ms * 55 // 100, voice=1.0, breath=0.02)
    return (first, replace(first, formants=end, ms=ms - first.ms))


def _hissing(
    hertz: float, width: float, loud: float, ms: int, *, voice: float = 0.0, f2: float = 1700.0
) -> tuple[Sound, ...]:
    return (Sound((320.0, f2, 2600.0), ms, voice=voice, hiss=loud, hiss_hertz=hertz, hiss_width=width),)


def _stop(locus: float, hertz: float, *, voiced: bool, burst: float = 0.5) -> tuple[Sound, ...]:
    closed = Sound((250.0, locus, 2600.0), 55, voice=0.16 if voiced else 0.0)
    opened = Sound((350.0, locus, 2600.0), 12, voice=0.2 if voiced else 0.0, hiss=burst, hiss_hertz=hertz)
    if voiced:
        return (closed, opened)
    return (closed, opened, Sound((450.0, locus, 2600.0), 35, breath=0.35))


#: Phonemes in ARPAbet.
PHONEMES: dict[str, tuple[Sound, ...]] = {
    "IY": _vowel(310, 2790, 3310, 120),
    "IH": _vowel(430, 2480, 3070, 80),
    "EH": _vowel(610, 2330, 2990, 105),
    "AE": _vowel(860, 2050, 2850, 125),
    "AA": _vowel(850, 1220, 2810, 130),
    "AO": _vowel(590, 920, 2710, 135),
    "UW": _vowel(370, 950, 2670, 130),
    "AH": _vowel(680, 1450, 2780, 70),
    "ER": _vowel(500, 1640, 1960, 120),
    "EY": _glide((560, 2330, 2990), (340, 2750, 3250)),
    "AY": _glide((850, 1350, 2810), (400, 2500, 3070), 190),
    "OY": _glide((590, 920, 2710), (400, 2400, 3000), 200),
    "OW": _glide((560, 1050, 2710), (390, 900, 2670)),
    "AW": _glide((850, 1350, 2810), (430, 1000, 2670), 190),
    "W": (Sound((300, 700, 2300), 65, voice=0.7),),
    "L": (Sound((360, 1150, 2900), 65, voice=0.7),),
    "R": (Sound((380, 1250, 1700), 70, voice=0.75),),
    "M": (Sound((270, 1050, 2300), 75, voice=0.42),),
    "N": (Sound((270, 1650, 2600), 65, voice=0.42),),
    "NG": (Sound((270, 2200, 2800), 80, voice=0.42),),
    "DH": _hissing(5200, 2500, 0.05, 50, voice=0.4),
    "V": _hissing(4800, 3000, 0.06, 60, voice=0.4, f2=1200.0),
    "Z": _hissing(6200, 1200, 0.22, 75, voice=0.3),
    "F": _hissing(5500, 4000, 0.16, 95, f2=1200.0),
    "S": _hissing(6200, 1300, 0.5, 105),
    "HH": (Sound((600, 1600, 2700), 60, breath=0.4),),
    "P": _stop(900, 900, voiced=False, burst=0.25),
    "T": _stop(1900, 5000, voiced=False),
    "K": _stop(2100, 2300, voiced=False),
    "D": _stop(1900, 4200, voiced=True, burst=0.3),
    "CH": (Sound((300, 1900, 2600), 50), *_hissing(3200, 1300, 0.5, 85)),
}
#: Pauses: a comma and the end of a sentence.
_PAUSES = {",": 260, ".": 620}


@dataclass(frozen=True)
class Speech:
    """What was said: 16-bit mono samples, and from when to when each sentence lasts (milliseconds)."""

    samples: array.array[int]
    times: tuple[tuple[int, int], ...]

    @property
    def duration_ms(self) -> int:
        return len(self.samples) * 1000 // RATE


@dataclass(frozen=True)
class _Frame:
    sound: Sound
    hertz: float


def speak(sentences: Sequence[str]) -> Speech:
    """Say sentences written as ARPAbet phonemes (``W IY K AO1 L D , …``); a digit 1 marks a stressed vowel.

    :raises ValueError: for a phoneme that the machine does not know.
    """
    frames: list[_Frame] = _silence(300)
    times = []
    for sentence in sentences:
        start = len(frames) * FRAME_MS
        frames += _sentence(sentence)
        times.append((start, len(frames) * FRAME_MS))
        frames += _silence(_PAUSES["."])
    return Speech(_sound(frames), tuple(times))


def as_wav(speech: Speech) -> bytes:
    """The speech as a WAV file."""
    samples = array.array("h", speech.samples)
    if sys.byteorder == "big":
        samples.byteswap()
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return target.getvalue()


def _silence(ms: int) -> list[_Frame]:
    return [_Frame(Sound((500, 1500, 2500), ms), _BASE_PITCH)] * (ms // FRAME_MS)


def _sentence(text: str) -> list[_Frame]:
    sounds: list[Sound] = []
    for symbol in text.split():
        if symbol in _PAUSES:
            sounds.append(Sound((500, 1500, 2500), _PAUSES[symbol]))
            continue
        name, stressed = symbol.rstrip("1"), symbol.endswith("1")
        if name not in PHONEMES:
            raise ValueError(f"The machine cannot say “{symbol}”; it knows {', '.join(sorted(PHONEMES))}.")
        for sound in PHONEMES[name]:
            sounds.append(replace(sound, ms=sound.ms * 13 // 10, stressed=True) if stressed else sound)
    if sounds:
        # What ends a sentence is drawn out.
        sounds[-1] = replace(sounds[-1], ms=sounds[-1].ms * 14 // 10)
    sounds = [replace(sound, ms=round(sound.ms * _SLOWNESS)) for sound in sounds]
    total = sum(sound.ms for sound in sounds)
    frames, at = [], 0
    for sound in sounds:
        for _step in range(max(1, sound.ms // FRAME_MS)):
            fall = _BASE_PITCH * (1.12 - 0.30 * at / total)
            frames.append(_Frame(sound, fall * (1.14 if sound.stressed else 1.0)))
            at += FRAME_MS
    return frames


def _smooth(values: list[float], width: int) -> list[float]:
    """Steps become ramps: the mean over ``width`` frames around each."""
    sums = [0.0]
    for value in values:
        sums.append(sums[-1] + value)
    half = width // 2
    smoothed = []
    for at in range(len(values)):
        first, last = max(0, at - half), min(len(values), at + half + 1)
        smoothed.append((sums[last] - sums[first]) / (last - first))
    return smoothed


def _resonator(hertz: float, width: float) -> tuple[float, float, float]:
    """Coefficients a, b, c of ``y[n] = a x[n] + b y[n-1] + c y[n-2]`` (Klatt 1980, equation 2)."""
    c = -math.exp(-2 * math.pi * width / RATE)
    b = 2 * math.exp(-math.pi * width / RATE) * math.cos(2 * math.pi * hertz / RATE)
    return (1 - b - c, b, c)


def _sound(frames: list[_Frame]) -> array.array[int]:
    tracks = [_smooth([frame.sound.formants[n] for frame in frames], 11) for n in range(3)]
    voice = _smooth([frame.sound.voice for frame in frames], 5)
    breath = _smooth([frame.sound.breath for frame in frames], 5)
    hiss = _smooth([frame.sound.hiss for frame in frames], 3)
    pitch = _smooth([frame.hertz for frame in frames], 25)
    waves = array.array("d", bytes(8 * len(frames) * _FRAME))
    y1 = y2 = y3 = y4 = z1 = z2 = z3 = z4 = h1 = h2 = 0.0
    seed, phase, at = 20_571_012, 0.0, 0
    for number, frame in enumerate(frames):
        a1, b1, c1 = _resonator(tracks[0][number], _BANDWIDTHS[0])
        a2, b2, c2 = _resonator(tracks[1][number], _BANDWIDTHS[1])
        a3, b3, c3 = _resonator(tracks[2][number], _BANDWIDTHS[2])
        a4, b4, c4 = _resonator(_FOURTH, _BANDWIDTHS[3])
        ah, bh, ch = _resonator(frame.sound.hiss_hertz, frame.sound.hiss_width)
        loud, aspirated, hissed, step = voice[number], breath[number], hiss[number], pitch[number] / RATE
        for _sample in range(_FRAME):
            # Park and Miller's generator: the noise is the same on every machine.
            seed = seed * 16_807 % 2_147_483_647
            noise = seed / 1_073_741_823.5 - 1.0
            phase += step
            if phase >= 1.0:
                phase -= 1.0
            opening = phase / 0.62
            pulse = opening * (2.0 - 3.0 * opening) if opening < 1.0 else 0.0
            x = loud * pulse + aspirated * noise * 0.5
            x, z4, y4 = a4 * x + b4 * y4 + c4 * z4, y4, a4 * x + b4 * y4 + c4 * z4
            x, z3, y3 = a3 * x + b3 * y3 + c3 * z3, y3, a3 * x + b3 * y3 + c3 * z3
            x, z2, y2 = a2 * x + b2 * y2 + c2 * z2, y2, a2 * x + b2 * y2 + c2 * z2
            x, z1, y1 = a1 * x + b1 * y1 + c1 * z1, y1, a1 * x + b1 * y1 + c1 * z1
            h = ah * hissed * noise + bh * h1 + ch * h2
            h2, h1 = h1, h
            waves[at] = x + 0.55 * h
            at += 1
    loudest = max(1e-9, max(waves), -min(waves))
    return array.array("h", (round(26_000 * value / loudest) for value in waves))
