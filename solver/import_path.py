"""The command line imports no module from the working directory, which may be that of somebody else.

`python -m solver` puts it on the path, and so do empty entries of PYTHONPATH. It is taken off when this module is
imported, before anything else is: therefore this module needs nothing that is not loaded already. A session or a script
of Python keeps its path. The checkout stays on the path, also when it is the working directory.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))  # where solver and postprocess are imported from


def is_working_directory(entry: str) -> bool:
    """Whether an entry of the path means the working directory."""
    try:
        return entry == "" or os.path.samefile(entry, os.curdir)
    except OSError:  # one of them is not there
        return False


def _is_command_line() -> bool:
    """Whether this is `lifront` or `python -m solver`, whose module is still being looked for: argv[0] is "-m" then."""
    first = sys.argv[0] if sys.argv else ""
    if first != "-m":
        return os.path.basename(first) == "lifront"
    word = sys.orig_argv[-len(sys.argv)]  # solver, or -msolver
    return word.removeprefix("-m").partition(".")[0] == "solver"


IS_COMMAND = _is_command_line()
if IS_COMMAND:
    sys.path[:] = [entry for entry in sys.path if not is_working_directory(entry) or os.path.realpath(entry) == ROOT]
