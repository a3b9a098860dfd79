"""Points of a benchmark in processes of their own, so that peak memory is that of the point."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

ENVIRONMENT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMP_NUM_THREADS": "1"}
MPIRUN = ("mpirun", "--oversubscribe", "--bind-to", "none", "-n")


def point(module: str, *arguments: str, ranks: int = 1) -> dict[str, Any]:
    """What `python -m module --point arguments` prints last, a line of JSON. Raises RuntimeError when it fails."""
    command = [sys.executable, "-m", module, "--point", *arguments]
    if ranks > 1:
        command = [*MPIRUN, str(ranks), *command]
    done = subprocess.run(command, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result
