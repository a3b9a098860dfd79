"""How much is said while something is computed."""

from __future__ import annotations

from enum import IntEnum


class Voice(IntEnum):
    """What is said on stderr: each says what those before it say."""

    SILENT = 0  # nothing but errors
    QUIET = 1  # how it ended
    NORMAL = 2  # how far it is
    VERBOSE = 3  # every step

    @classmethod
    def of(cls, progress: bool | Voice) -> Voice:
        """The voice that `progress` asks for, which may be true or false in Python."""
        return progress if isinstance(progress, Voice) else cls.NORMAL if progress else cls.SILENT
