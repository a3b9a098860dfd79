"""A lock that keeps two programs from working in one folder."""

import fcntl
import os


def lock(handle: int) -> bool:
    """Lock what an open descriptor is of, for as long as any process has it open; False where no locks are known.

    Raises BlockingIOError when another process holds it, with the descriptor closed.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise
    except OSError:  # a file system without locks
        return False
    return True
