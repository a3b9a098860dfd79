"""The command line of the scripts under cases/: what has ended is left alone, what fails is said, then the report."""

from __future__ import annotations

import sys

from solver.study.campaign import Command, main, settings


def test_what_has_ended_is_left_alone_and_a_failure_is_said(tmp_path, monkeypatch, capsys):
    case = "\n".join(
        [
            'schema_version = 1\ndomain = { dimension = 1, lithium_thickness = "4 um" }',
            'drive = { stack_pressure = "3 MPa", current_density = "1 mA/cm^2" }',
            '[[protocol]]\nkind = "galvanostatic"\ndirection = "plate"\nduration = "1 s"',
        ]
    )
    (tmp_path / "case.toml").write_text(case)
    run = ("run", str(tmp_path / "case.toml"))
    wrong = Command("wrong", (*run, *settings(['drive.stack_pressure="3 kg"'])))
    commands = [Command("ended", run), Command("fine", run), wrong]
    (tmp_path / "out/ended").mkdir(parents=True)
    reported = []
    monkeypatch.setattr(sys, "argv", ["script", "--output", str(tmp_path / "out"), "--processes", "1"])
    main("", "elsewhere", commands, lambda path: path.name == "ended", reported.append)
    said = capsys.readouterr().out
    assert "3 points, 2 to run" in said and "fine: done (exit code 0" in said
    assert "wrong: " in said and "drive.stack_pressure" in said and "exit code 2" in said
    assert reported == [tmp_path / "out"] and (tmp_path / "out/fine/done.json").exists()
    assert not any((tmp_path / "out/ended").iterdir())
