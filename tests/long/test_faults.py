"""Inputs that once failed, from reports and from fuzzing, killing, damage and hostile files, as a user would give them.

Every script is run in a folder of its own with a small case (`one.json`, 1-D, 3 s, a checkpoint after every step); it
ends with 0 when what has to be there is there. Nowhere is a traceback. The kinds have tests of their own; those of
meshes (seams, SaveAll, MSH 4.0, metres) are tests/unit/test_mesh_file.py, test_cavities.py and test_defect_meshes.py.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.cases.test_going_on import CASE
from tests.mpi import MPIRUN_DEFAULT, environment

pytestmark = pytest.mark.long

PROFILE = """lifront check one.json --set 'protocol=[{kind="profile", file="%s"}]'"""
PLANE = "lifront run one.json --output o --set domain.dimension=2 --set "
EDIT = """python - <<'P'
import glob, h5py
path = sorted(glob.glob("o/checkpoint*"))[-1]
with h5py.File(path, "a") as file:
    %s
P
"""
FINISHED = "lifront run one.json --output o > said 2>&1; "
UNFINISHED = FINISHED + "rm o/done.json o/summary.json; "
AUTO = "lifront run one.json --output o --restart auto > more 2>&1"
WHOLE = "test $(wc -l < o/log.csv) -eq 7"
SLOW = """lifront run one.json --output o --set 'time.fixed_step="2 ms"' > said 2>&1 & p=$!
for i in $(seq 3000); do test -e o/log.csv && test $(wc -l < o/log.csv) -gt 3 && break; sleep 0.1; done; """


def refused(command: str) -> str:
    """A command that ends with 2 and one line or more."""
    return f"{command} > said 2>&1; test $? -eq 2 && test -s said"


SCRIPTS = {
    # going on
    "a longer last segment": FINISHED + """
        lifront run one.json --output o --set 'protocol.0.duration="4 s"' --restart latest > more 2>&1
        test $(wc -l < o/log.csv) -eq 9""",
    "another case": FINISHED + refused("""lifront run one.json --output o --restart auto
        --set 'drive.voltage_limit="0.3 V"'""".replace("\n", " ")) + " && " + WHOLE,
    "NaN in a checkpoint": UNFINISHED + EDIT % "file['fields/lithium'][5] = float('nan')" + f"{AUTO}; {WHOLE}",
    "a part of a checkpoint is gone": UNFINISHED + EDIT % "del file['scalars']" + f"{AUTO}; {WHOLE}",
    "another value in a checkpoint": UNFINISHED + EDIT % "file['fields/occupancy'][3] += 1e-12"
    + f"{AUTO}; grep -q damaged more && {WHOLE}",
    "done.json is a list": FINISHED + f"echo '[]' > o/done.json; {AUTO}; grep -q case_digest o/done.json",
    "an edited heading of the log": UNFINISHED + f"sed -i '1s/time .s./t [min]/' o/log.csv; {AUTO}; {WHOLE}",
    "no log": UNFINISHED + f"rm o/log.csv o/checkpoint_000006.h5; {AUTO}; {WHOLE}",
    "the log is removed meanwhile": SLOW + """rm o/log.csv
        until test -e o/log.csv; do kill -0 $p || exit 1; sleep 0.1; done
        kill -USR2 $p; wait $p
        steps=$(python -c 'import json; print(json.load(open("o/summary.json"))["steps"])')
        test $(wc -l < o/log.csv) -eq $((steps + 1))""",
    "the series is no JSON": UNFINISHED + "echo '{' > o/fields.vtkhdf.series; lifront info o > more",
    "no series": UNFINISHED + f"rm o/fields.vtkhdf.series; {AUTO}; test $(ls o/fields | wc -l) -eq 4",
    "a snapshot is gone": UNFINISHED + f"rm o/fields/fields_000001.vtkhdf; {AUTO} && grep -q 'no such file' more",
    "results elsewhere": """printf 'time [s],current_density [mA/cm^2]\\n0,1\\n2,1\\n' > ok.csv
        sed -i 's/"protocol": .*}], "time"/"protocol": [{"kind": "profile", "file": "ok.csv"}], "time"/' one.json
        lifront run one.json --output o > said 2>&1; rm ok.csv; lifront check o/case.toml > more""",
    # links, code of others
    "a link in place of the snapshots": FINISHED + "mkdir v; touch v/fields_000007.vtkhdf; rm -r o/fields; "
    "ln -s $PWD/v o/fields; lifront run one.json --output o --force > more 2>&1; test -e v/fields_000007.vtkhdf",
    "a link of a temporary name": FINISHED + "echo precious > v; ln -s $PWD/v o/case.toml.part; "
    "lifront run one.json --output o --force > more 2>&1; grep -q precious v",
    "options of PETSc": "echo '-no_such_option 1\n-options_left' > .petscrc; "
    "lifront run one.json --output o > said 2>&1 && ! grep -q no_such_option said",
    "modules in the working directory": """echo 'open("RAN", "w")' | tee yaml.py > json5.py
        echo '[sweep.grid]' > s.toml; lifront sweep s.toml > said 2>&1; test ! -e RAN""",
    "a secret as a profile": """mkdir in; echo SECRET > secret; python - <<'P'
import json
case = json.load(open("one.json"))
table = {"time": ["0 s", "1 s"], "current_density": ["1 mA/cm^2"] * 2}
import os
case["protocol"] = [{"kind": "profile", "file": os.path.abspath("secret"), "table": table}]
case["sweep"] = {"grid": {"drive.stack_pressure": ["3 MPa"]}}
json.dump(case, open("in/s.json", "w"))
P
        lifront expand in/s.json --output o > said; ! grep -rl SECRET o""",
    # being stopped, consoles, disks
    "the reader of a pipe goes away": "lifront run one.json --output o 2>&1 | head -1; test -e o/done.json "
    "&& lifront info o | head -1",
    "Ctrl-C": """python - <<'P'
import os, signal, subprocess, time
words = ["lifront", "run", "one.json", "--output", "o", "--set", 'time.fixed_step="2 ms"']
with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
    while not (os.path.exists("o/log.csv") and open("o/log.csv").read().count("\\n") > 3):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
assert process.returncode == 4, process.returncode
P
        ls o/checkpoint_*.h5""",
    # mpirun waits so long (s) before it hands the signal on, and again before it kills; it ends with 1
    "SIGTERM to mpirun": f"""export OMPI_MCA_odls_base_sigkill_timeout=10
        {MPIRUN_DEFAULT} -n 2 python -m solver run one.json --output o --set 'time.fixed_step="2 ms"' > said 2>&1 & p=$!
        for i in $(seq 3000); do test -e o/log.csv && test $(wc -l < o/log.csv) -gt 3 && break; sleep 0.1; done
        kill -TERM $p; wait $p; ls o/checkpoint_*.h5 && grep -q 'interrupted by SIGTERM' o/summary.json""",
    "a small disk": """mkdir m; mount -t tmpfs -o size=40k tmpfs m || exit 0; for k in 40 60 80 100 140; do
        mount -o remount,size=${k}k m; rm -rf m/o; lifront run one.json --output m/o > said 2>&1; c=$?
        test $c -le 1 || { umount m; exit 1; }; done; umount m""",
    # slips
    "too many cells": refused(PLANE + """'interface.width="0.2 nm"'"""),
    "a box of 1 km": refused("""lifront check one.json --set domain.dimension=2 --set 'domain.width="1 km"'"""),
    "Li of 1e6 m": refused("""lifront check one.json --set 'domain.lithium_thickness="1e6 m"'"""),
    "Li of 50 mm": """lifront check one.json --set 'domain.lithium_thickness="50 mm"' > said
        grep -q 'not usual' said""",
    "an exponent of six digits": refused("""lifront check one.json --set 'drive.stack_pressure="1e999999 GPa"'"""),
    "what follows a unit": refused("""lifront check one.json --set 'drive.stack_pressure="5 MPa # or 50"'"""),
    "a number of 5000 digits": refused("lifront check one.json --set time.tolerance=$(printf '9%.0s' $(seq 5000))"),
    "brackets 2000 deep": "python -c \"print('a = ' + '[' * 2000)\" > t.toml; " + refused("lifront check t.toml"),
    "another sort of digit": """python - <<'P'
import json
case = json.load(open("one.json"))
case["sweep"] = {"grid": {"electrolyte.²": ["1 um"]}}
json.dump(case, open("s.json", "w"))
P
        """ + refused("lifront check s.json"),
    "a name of 5000 characters": refused("""lifront check one.json --set domain.dimension=2
        --set 'geometry.groups=[{name="a"}]' --set geometry.mesh=$(printf 'x%.0s' $(seq 5000))""".replace("\n", " ")),
    "a tolerance below rounding": """lifront run one.json --output o --set solver.newton_tolerance=1e-11 \\
        --set 'protocol=[{kind="rest", duration="3 s"}]' > said 2>&1""",
    "no fields": PLANE + """'domain.width="1.6 um"' --set 'output.fields=[]' > said 2>&1""",
    # text of the user
    "markup in the title": "lifront check one.json --set 'title=\"strip [/plate] [red]x\"' | grep -F '[/plate] [red]x'",
    "formulas in the title": "lifront run one.json --output o --set 'title=\"a $ b $ {c\"' > said 2>&1",
    "half a character": "python -c \"import json; d = json.load(open('one.json')); d['title'] = chr(0xd800); "
    "json.dump(d, open('t.json', 'w'))\"; " + refused("lifront check t.json"),
    "a byte order mark": "printf '\\357\\273\\277' | cat - one.json > b.json; lifront check b.json > said",
    # profiles
    "a device as a profile": refused(PROFILE % "/dev/zero"),
    "a stray quotation mark": "(echo 'time [s],current_density [mA/cm^2]'; for i in $(seq 0 20000); do echo $i,1; "
    "test $i -eq 4 && echo '4.5,\"1'; done) > p.csv; "
    + refused(PROFILE % "p.csv") + " && grep -q 'line 7' said",
    "semicolons": "printf 'time [s];current_density [mA/cm^2]\\n0;1\\n1;1\\n' > p.csv; "
    + refused(PROFILE % "p.csv") + " && grep -q semicolon said",
    "an endless number in a profile": "printf 'time [s],current_density [mA/cm^2]\\n0,1\\n1,1e999\\n' > p.csv; "
    + refused(PROFILE % "p.csv"),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_once_failed(tmp_path, name):
    (tmp_path / "one.json").write_text(json.dumps(CASE))
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (programs / "lifront").write_text(
        f"#!/bin/sh\nexec {sys.executable} -c 'import sys; sys.argv[0] = \"lifront\"; "
        "from solver.__main__ import main; main()' \"$@\"\n"
    )
    for program in programs.iterdir():
        program.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    shutil.copy(tmp_path / "one.json", work)
    env = environment() | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", SCRIPTS[name]], cwd=work, env=env, capture_output=True, text=True, check=False)
    said = "".join(path.read_text(errors="replace") for path in (work / "said", work / "more") if path.exists())
    said += done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "Traceback" not in said

