"""How a run can end other than well, as exceptions with a sentence for the person who started it."""

from __future__ import annotations

from collections.abc import Sequence


class ReconstructionError(Exception):
    """Why there is no model; `str()` is one sentence, `advice` what to do about it."""

    exit_code = 3

    def __init__(self, message: str, advice: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.advice = tuple(advice)


class ImpossibleInput(ReconstructionError):
    """No model can come from this input; the advice is for the photographer."""

    exit_code = 2


class StageFault(ReconstructionError):
    """The machine, a limit or our own code failed; what was finished is kept and `--resume` goes on from there."""

    exit_code = 3


class Cancelled(ReconstructionError):
    """Somebody asked the run to stop; it resumes from where it was."""

    exit_code = 143
