"""Whatever a case file says, check answers soon, with exit code 0 or 2, in lines and without a traceback.

LIFRONT_FUZZ_SEED=2 LIFRONT_FUZZ_FILES=2000 python -m pytest -m long tests/long/test_fuzz.py -s
"""

import contextlib
import os
import random
import resource
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fuzz.mutants import Mutant, bases, make
from tests.mpi import environment

SEED = int(os.environ.get("LIFRONT_FUZZ_SEED", "1"))
FILES = int(os.environ.get("LIFRONT_FUZZ_FILES", "500"))
RUNS = 10  # of those that are accepted
SECONDS = 2  # of processor time for a check, without the start of Python
MEMORY = 3_000_000_000  # bytes of addresses
MOST_CELLS = 3000  # of a case that is run
MOST_LINES = 60  # of messages
PROTOCOL = "protocol=[{kind='rest', duration='1 ms'}]"
ONE_STEP = ["--set", "time.fixed_step='1 ms'", "--set", "output.interval='1 s'", "--set", PROTOCOL]

pytestmark = pytest.mark.long


@dataclass(frozen=True)
class Answer:
    """What check has said, the processor time it took (s), and how it ended: exit code, or minus a signal."""

    mutant: Mutant
    code: int
    seconds: float
    out: str
    err: str

    def faults(self) -> list[str]:
        """What is wrong with the answer."""
        lines = self.err.splitlines()
        odd = [c for c in self.out + self.err if not c.isprintable() and c not in "\n\u00a0"]
        checks = {
            f"exit code {self.code}": self.code not in (0, 2),
            "traceback": "Traceback" in self.out + self.err,
            f"{self.seconds:.1f} s": self.seconds > SECONDS,
            f"control characters {odd[:5]}": bool(odd),
            f"{len(lines)} lines": len(lines) > MOST_LINES,
            "no message": self.code == 2 and not self.err.strip(),
            "long line": any(len(line) > 2000 for line in lines),
        }
        return [fault for fault, there in checks.items() if there]


def check(folder: Path, mutant: Mutant) -> Answer:
    """`lifront check` in a process of its own that has everything imported."""
    process = os.fork()
    if process == 0:
        os._exit(_checked(folder, mutant))
    _, status, used = os.wait4(process, 0)
    texts = [(folder / name).read_text(encoding="utf-8", errors="replace") for name in ("out", "err")]
    return Answer(mutant, os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, *texts)


def _checked(folder: Path, mutant: Mutant) -> int:
    from solver import __main__ as program

    os.chdir(folder)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.stdout, sys.stderr = (os.fdopen(n, "w", encoding="utf-8", errors="backslashreplace") for n in (1, 2))
    resource.setrlimit(resource.RLIMIT_CPU, (10 * SECONDS, 10 * SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.argv = ["lifront", "check", *mutant.arguments]
    try:
        program.main()
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
        return 9
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    return 0


def test_check_answers_whatever_a_file_says(tmp_path):
    import solver.model.build  # imported once, not by every check
    import solver.study.sweep  # noqa: F401  # the same

    cases, answers = bases(), []
    began = time.monotonic()
    for number in range(FILES):
        folder = tmp_path / str(number)
        answers.append(check(folder, make(number, SEED, folder, cases)))
    bad = {number: answer.faults() for number, answer in enumerate(answers) if answer.faults()}
    codes = Counter(answer.code for answer in answers)
    seconds = sorted(answer.seconds for answer in answers)
    times = f"median {seconds[len(seconds) // 2]:.2f} s, longest {seconds[-1]:.2f} s"
    print(f"\nseed {SEED}: {FILES} files, exit codes {dict(codes)}, {len(bad)} bad; processor time of a check: {times}")
    print(f"{time.monotonic() - began:.0f} s in all")
    for number, faults in bad.items():
        print(tmp_path / str(number), answers[number].mutant.kinds, faults, answers[number].err.strip()[-300:])
    assert not bad

    accepted = [number for number, answer in enumerate(answers) if answer.code == 0 and _is_small(answer)]
    chosen = random.Random(SEED).sample(accepted, min(RUNS, len(accepted)))
    ends = {number: _run(tmp_path / str(number), answers[number].mutant) for number in chosen}
    codes = Counter(end.returncode for end in ends.values())
    print(f"one step of {len(ends)} of {len(accepted)} small accepted cases: exit codes {dict(codes)}")
    for number, end in ends.items():
        known = end.returncode in (0, 2, 3) and "Traceback" not in end.stderr
        assert known, (number, answers[number].mutant, end.stderr)


def _is_small(answer: Answer) -> bool:
    line = next((line for line in answer.out.splitlines() if line.startswith("cells  ")), "")
    return bool(line) and int(line.split()[1]) <= MOST_CELLS


def _run(folder: Path, mutant: Mutant) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "solver", "run", *mutant.arguments, *ONE_STEP, "--output", "results"]
    where = environment() | {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(command, cwd=folder, env=where, capture_output=True, text=True, timeout=300, errors="replace")
