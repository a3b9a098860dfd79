"""Text of the user is data: no title is markup or a formula, whether it is printed, drawn or written."""

import io
import json
import shutil

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

import solver
from postprocess import Run, contact_plots, pictures
from postprocess.penetration_plots import plot_penetration
from postprocess.plots import plot_run
from postprocess.sweep_table import PointResult, print_table
from solver.case.io import case_from_dict, load_case
from solver.case.report import print_report
from solver.output.log import Console
from solver.study.sweep import expand
from tests import synthetic
from tests.fuzz.mutants import SMALL

TITLES = {
    "markup": "[/] [bold]x[/bold] [red] [/red :smile:",
    "formula": r"a $\frac{x$ b",
    "dollar": r"50 $ of _x_ ^2 \alpha {title} %s",
    "control": "a\x1b[31mb\x07\x00c\nd\re\tf",
    "right to left": "\u05e2\u05d1\u05e8\u05d9\u05ea \u202eabc",
    "emoji": "\U0001f525 run \U0001f469\u200d\U0001f52c",
    "words": "word " * 2000,
    "one word": "x" * 10_000,
}
titles = pytest.mark.parametrize("title", TITLES.values(), ids=TITLES.keys())


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("run")
    solver.run(case_from_dict(SMALL | {"protocol": [{"kind": "rest", "duration": "0.5 s"}]}), directory=directory)
    return directory


@titles
def test_check_shows_the_title_as_it_is(title, capsys):
    print_report(case_from_dict(SMALL | {"title": title}))
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\x07" not in out
    if title == TITLES["markup"]:
        assert out.startswith(title)


@titles
def test_progress_shows_the_title_as_it_is(title):
    for stream in (io.StringIO(), Terminal()):
        with Console(title=title, stream=stream) as console:
            console.update(0.5, "[/] 10 mV")
        if not stream.isatty():
            (line,) = stream.getvalue().splitlines()
            assert "[/] 10 mV" in line and line.isprintable()


@pytest.mark.parametrize("title", [TITLES[name] for name in ("formula", "control", "emoji", "one word")])
def test_pictures_have_the_title_as_it_is(title, run, monkeypatch, recwarn):
    drawn = []
    suptitle = Figure.suptitle
    monkeypatch.setattr(Figure, "suptitle", lambda self, text, **how: drawn.append(text) or suptitle(self, text, **how))
    monkeypatch.setattr(Run, "case", {"title": title})
    monkeypatch.setattr(pictures, "DOTS_PER_INCH", 20)
    assert np.ptp(imread(plot_run(run))) > 0
    assert len(drawn[0]) < 400 and drawn[0].isprintable()
    if title == TITLES["formula"]:
        assert drawn[0].startswith(title)
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


def test_the_picture_of_filaments_has_the_title_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "DOTS_PER_INCH", 20)
    directory = synthetic.filament_run(tmp_path)
    monkeypatch.setattr(Run, "case", {"title": TITLES["formula"]})
    assert plot_penetration(directory).exists()


def test_a_directory_that_is_named_like_a_formula_is_drawn(tmp_path, run, monkeypatch):
    path = shutil.copytree(run, tmp_path / r"a $\frac{x$ b")
    monkeypatch.setattr(Run, "case", {})
    assert contact_plots.headline(Run(path)).startswith(r"a $\frac{x$ b")
    assert plot_run(path).exists()


@pytest.mark.parametrize("name", ["formula", "control", "one word"])
def test_a_run_keeps_its_title(name, tmp_path):
    title = TITLES[name]
    case = case_from_dict(SMALL | {"title": title, "protocol": [{"kind": "rest", "duration": "0.5 s"}]})
    solver.run(case, directory=tmp_path)
    assert Run(tmp_path).info["resolved_case"]["title"] == title
    assert json.loads((tmp_path / "resolved.json").read_text())["title"] == title
    assert load_case(tmp_path / "case.toml").title == title


def test_tables_of_sweeps_show_values_as_they_are(tmp_path, capsys):
    (tmp_path / "a.json").write_text(json.dumps(SMALL | {"sweep": {"grid": {"title": list(TITLES.values())}}}))
    points = expand(tmp_path / "a.json")
    assert all(point.id.isascii() and point.id.isprintable() and len(point.id) < 60 for point in points)
    print_table(
        [PointResult(p.id, {"[b]title": p.values["title"]}, "failed", "exit code 1: [/x] \x1b[1m") for p in points]
    )
    out = capsys.readouterr().out
    assert "[b]title" in out and "[/x]" in out and "[/red :smile:" in out and "\x1b" not in out
