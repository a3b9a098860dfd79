"""The command line: help texts, version, environment, completion, exit codes, how much is said."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import tomli_w
from typer.testing import CliRunner

from solver.__main__ import app
from solver.cli.jobs import BadInput
from solver.cli.voice import chosen
from solver.environment import git_commit, versions
from solver.output.log import Console
from solver.voice import Voice
from tests.mpi import ROOT, environment

LINE = {
    "schema_version": 1,
    "domain": {"dimension": 1, "lithium_thickness": "4 um"},
    "grid": {"fine_depth": "2 um"},
    "interface": {"width": "200 nm"},
    "electrolyte": [{"thickness": "3 um"}],
    "drive": {"stack_pressure": "3 MPa", "current_density": "1 mA/cm^2"},
    "protocol": [{"kind": "galvanostatic", "direction": "plate", "duration": "3 s"}],
    "time": {"fixed_step": "0.5 s"},
    "output": {"interval": "1000 s", "fields": ["lithium"]},
}
COMMANDS = {info.callback.__name__: info.callback for info in app.registered_commands if info.callback}


def cli(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"})
    return result.exit_code, result.output


def lifront(
    *words: object, cwd: Path = ROOT, module: str = "solver", **variables: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *(str(word) for word in words)]
    env = environment() | variables
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def plain(text: str) -> str:
    return " ".join(text.split())


# -- help ------------------------------------------------------------------------------------------------------


def test_all_commands_are_there():
    names = "run ccd impedance check schema env info plot expand sweep table"
    assert COMMANDS.keys() == set(names.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_text_is_shown_as_it_is_written(name):
    """With its [...], which a renderer could take for markup."""
    code, out = cli(name, "--help")
    shown = plain(out)
    assert code == 0
    for parameter in inspect.signature(COMMANDS[name], eval_str=True).parameters.values():
        (option,) = (part for part in get_args(parameter.annotation) if hasattr(part, "help"))
        assert option.help and plain(option.help) in shown, option.help
    documentation = inspect.getdoc(COMMANDS[name])
    assert documentation and plain(documentation) in shown


def test_some_help_texts_have_brackets():
    """Otherwise the test above shows nothing."""
    for name, text in (("run", "[results/<case>]"), ("ccd", "[results/<case>_ccd]"), ("sweep", "[runs/<case>]")):
        assert text in cli(name, "--help")[1]


def test_the_list_of_commands_has_a_whole_line_for_each():
    out = CliRunner().invoke(app, ["--help"]).output
    assert "..." not in out.replace("[ARGS]...", "")
    for name in COMMANDS:
        assert re.search(rf"^ +{name} +[A-Z].*\.$", out, re.MULTILINE), name


# -- mistakes, version, environment, completion ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "Usage: lifront"),
        (["rnu", "x"], "'run'"),
        (["run", "x", "--ouptut", "y"], "--output"),
        (["run"], "CASE"),
        (["run", "x", "--quiet", "--verbose"], "--quiet and --verbose contradict each other: give one of them"),
        (["sweep", "x", "-qv"], "--quiet and --verbose contradict each other: give one of them"),
        (["sweep", "x", "--cores", "0"], "--cores"),
    ],
)
def test_mistakes_in_the_command_end_with_2_and_the_nearest_word(words, expected):
    done = lifront(*words)
    assert done.returncode == 2 and expected in done.stdout + done.stderr and "Traceback" not in done.stderr


def test_version_and_commit():
    code, out = cli("--version")
    assert code == 0 and re.fullmatch(rf"lifront \S+ \(commit {git_commit()}\)\n", out)


def test_the_environment_is_shown_without_warnings():
    done = lifront("env")
    assert done.returncode == 0 and not done.stderr
    shown = dict(re.split(r"  +|(?<=library) ", line, maxsplit=1) for line in done.stdout.splitlines())
    assert shown.keys() == versions().keys()


def test_what_is_missing_is_said_in_one_voice(monkeypatch, capsys):
    from solver import environment as module

    def missing() -> None:
        raise module.EnvironmentProblem("cannot import h5py")

    monkeypatch.setattr(module, "check_environment", missing)
    assert cli("env") == (2, "cannot import h5py\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_and_options(shell):
    named = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}  # which shell this is run from is not of interest
    assert "_LIFRONT_COMPLETE" in lifront("--show-completion", shell, **named).stdout
    words = {"bash": ("lifront ch", "1"), "zsh": ("lifront ch", ""), "fish": ("lifront ch", "")}[shell]
    variables = {"COMP_WORDS": words[0], "COMP_CWORD": words[1], "_TYPER_COMPLETE_ARGS": words[0]}
    found = lifront(_LIFRONT_COMPLETE=f"complete_{shell}", _TYPER_COMPLETE_FISH_ACTION="get-args", **variables)
    assert "check" in found.stdout and "run" not in found.stdout, found


def test_the_program_starts_without_what_computes():
    heavy = ("numpy", "mpi4py", "pydantic", "rich")
    script = f"import sys, solver.__main__; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- how much is said ------------------------------------------------------------------------------------------


def test_voices():
    assert [chosen(*both) for both in ((False, False), (True, False), (False, True))] == [2, 1, 3]
    assert (Voice.of(True), Voice.of(False), Voice.of(Voice.QUIET)) == (Voice.NORMAL, Voice.SILENT, Voice.QUIET)
    with pytest.raises(BadInput):
        chosen(True, True)


@pytest.mark.parametrize(("voice", "said"), [("SILENT", ""), ("QUIET", "end\n"), ("NORMAL", "begin\nend\n")])
def test_the_console_says_what_its_voice_allows(capsys, voice, said):
    with Console(progress=Voice[voice]) as console:
        console.message("begin")
        console.message("end", Voice.QUIET)
    assert capsys.readouterr().err == said


def test_a_quiet_run_says_how_it_ended_and_a_verbose_one_every_step(tmp_path):
    case = tmp_path / "case.toml"
    case.write_text(tomli_w.dumps(LINE))
    quiet = lifront("run", case, "--output", tmp_path / "quiet", "--quiet")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "protocol finished at t = 3 s\n")
    verbose = lifront("run", case, "--output", tmp_path / "verbose", "-v", module="tests.undrawn")
    steps = re.findall(r"^ +(\d+) +0\.0\d\d ", verbose.stderr, re.MULTILINE)
    assert steps == ["1", "2", "3", "4", "5", "6"]
    bad = lifront("run", case, "--output", tmp_path / "quiet", "--quiet")
    assert bad.returncode == 2 and "already holds results" in bad.stderr


def test_a_quiet_search_says_what_it_has_found(tmp_path):
    case = tmp_path / "case.toml"
    ramp = {"kind": "ccd", "start": "0.5 mA/cm^2", "max_current_density": "0.6 mA/cm^2", "increment": "0.1 mA/cm^2"}
    ramp |= {"duration": "1 s"}
    case.write_text(tomli_w.dumps(LINE | {"protocol": [ramp]}))
    done = lifront("ccd", case, "--output", tmp_path / "ccd", "--quiet")
    assert done.returncode == 0 and len(done.stderr.splitlines()) == 1, done.stderr
