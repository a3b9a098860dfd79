"""Text files of the user: what is read, what is refused and in which words; and how text is shown."""

import json
import os

import pytest

from solver.case.columns import TableRefused
from solver.case.io import CaseError, apply_override, load_case, read_table
from solver.case.protocol import read_profile
from solver.text import DEEPEST, NoSuchFile, Unreadable, one_line, parse_json, parse_toml, printable, read_text, short
from tests.fuzz.damage import PROFILE
from tests.mpi import ROOT

MINIMAL = ROOT / "cases/minimal.toml"


def refusal(action, *arguments):
    with pytest.raises((Unreadable, CaseError, TableRefused, ValueError)) as caught:
        action(*arguments)
    text = str(caught.value)
    assert len(text.splitlines()) == 1 and text.isprintable()
    return text


@pytest.mark.parametrize("name", ["minimal.toml", "copy.json"])
def test_a_byte_order_mark_is_no_part_of_a_case(name, tmp_path):
    text, data = read_table(MINIMAL)
    path = tmp_path / name
    path.write_bytes(b"\xef\xbb\xbf" + (text if name.endswith("toml") else json.dumps(data)).encode())
    assert load_case(path).resolved() == load_case(MINIMAL).resolved()
    profile = tmp_path / "p.csv"
    profile.write_bytes(b"\xef\xbb\xbf" + PROFILE.replace("\n", "\r\n").encode())
    assert len(read_profile(profile).time) == 50


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("title = 'a'".encode("utf-16"), "UTF-16"),
        ("title = 'a'".encode("utf-16-be"), "UTF-16"),
        (b"a = 1\nb = '\xfc'", "not UTF-8 text (line 2)"),
        (b"a = 1\nb = '\0'", "a NUL character in line 2"),
        (b"#" * 200, "larger than 0.0001 MB"),
    ],
)
def test_what_is_no_text_is_told_in_words(raw, words, tmp_path):
    (tmp_path / "x").write_bytes(raw)
    assert words in refusal(read_text, tmp_path / "x", 100)


def test_only_regular_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    os.symlink("loop", tmp_path / "loop")
    for path in (tmp_path / "fifo", "/dev/zero"):
        assert "not a regular file" in refusal(read_text, path)
        assert "not a regular file" in refusal(read_profile, tmp_path / path)
    assert "a loop of symbolic links" in refusal(read_text, tmp_path / "loop")
    for name in ("x" * 5000, "a\0b", "absent", "fifo/x"):
        refusal(read_text, tmp_path / name)
        assert "no such file" in refusal(read_profile, tmp_path / name) or len(name) > 1000
        refusal(load_case, tmp_path / name)
    with pytest.raises(NoSuchFile):
        read_text(tmp_path / "absent")


@pytest.mark.parametrize(
    ("parse", "text", "words"),
    [
        (parse_toml, "x = " + "[" * 3000, "nested deeper"),
        (parse_toml, "x = " + "[" * 100 + "]" * 100, "nested deeper"),
        (parse_toml, ".".join("a" * 300) + " = 1", "nested deeper"),
        (parse_toml, "x = " + "9" * 5000, "more digits"),
        (parse_toml, "x = '\x1b'", "not valid TOML"),
        (parse_json, "[" * 100_000, "nested deeper"),
        (parse_json, "9" * 5000, "more digits"),
        (parse_json, '{"a": NaN}', "NaN is not a number"),
        (parse_json, '{"a": -Infinity}', "-Infinity is not a number"),
        (parse_json, '{"a": 1, "a": 2}', "the key 'a' appears twice"),
        (parse_json, r'{"a": {"b": ["\ud800"]}}', "a.b.0: half a character"),
        (parse_json, r'{"a": {"\udfff": 1}}', "half a character"),
        (parse_json, '{"a": 1', "not valid JSON"),
    ],
)
def test_what_a_parser_cannot_take_is_one_line(parse, text, words):
    assert words in refusal(parse, text)


def test_overrides_of_any_text_are_values_or_refused():
    data = {"electrolyte": [{}]}
    apply_override(data, "title=[abc] demo")
    assert data["title"] == "[abc] demo"
    apply_override(data, "title=" + "[" * 3000)
    for text in ("1.2 # not a comment", '"6 MPa" # no', "1, 2", "1\n# no"):  # nothing of a value is left out
        apply_override(data, f"title={text}")
        assert data["title"] == text
    for override in ("title=\udcff", ".".join("a" * (DEEPEST + 1)) + "=1", "electrolyte.²=1", "electrolyte.\uff11=1"):
        refusal(apply_override, data, override)


def test_very_many_mistakes_give_few_lines(tmp_path):
    path = tmp_path / "case.toml"
    path.write_text("".join(f"key{n} = 1\n" for n in range(3000)) + MINIMAL.read_text())
    with pytest.raises(CaseError) as caught:
        load_case(path)
    assert len(caught.value.lines) == 51 and caught.value.lines[-1].endswith("and 2950 more")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (PROFILE.replace(",", ";"), "separated by a semicolon; allowed: a comma"),
        (PROFILE.replace(",", "\t"), "separated by a tab; allowed: a comma"),
        (PROFILE.replace(".", ","), "not a comma"),
        (PROFILE.replace("\n5,", '\n"5,'), "line 7: a quotation mark that is out of place or not closed"),
        (PROFILE.replace("\n5,", "\n5 # s,"), "line 7: time is '5 # s'"),
        (PROFILE.replace("\n5,", "\n\uff15,"), "line 7: time is '\uff15'"),
        (PROFILE.replace("\n5,", "\n1_0,"), "line 7: time is '1_0'"),
        (PROFILE.replace("\n5,", "\nnan,"), "line 7: time is 'nan'"),
        (PROFILE.replace("\n5,", "\n1e999999,"), "line 7: time is '1e999999'"),
        (PROFILE.replace("\n5,", "\n" + "9" * 200_000 + ","), "line 7: time is '999"),
        (PROFILE.replace("MPa", "MPa # bar"), "unknown unit 'MPa # bar'"),
    ],
)
def test_a_damaged_profile_names_line_and_value(table, words, tmp_path):
    path = tmp_path / "p.csv"
    path.write_text(table)
    assert words in refusal(read_profile, path)


def test_quoted_cells_and_comments_of_a_profile_are_read(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text('# of us\n"time [s]",current_density [A/m^2]\n"0", 1\n  # between\n1e0,"2"\n')
    assert read_profile(path).current_density == (1.0, 2.0)


def test_text_is_shown_in_one_line_without_control_characters():
    assert one_line("a\x1b[31m\tb\nc\u202e") == "a[31m b c"
    assert len(one_line("word " * 5000, 40)) <= 40
    assert printable("a\nb\x1b") == "a\\nb\\x1b"
    assert short(16**6000) == "a whole number with more digits than Python reads"


def test_messages_are_printable_bounded_and_few():
    error = CaseError([f"{n} a\nb\0" + "x" * 10_000 for n in range(300)])
    assert len(error.lines) == 51 and error.lines[-1] == "and 250 more"
    assert all(line.isprintable() and len(line) < 2000 for line in error.lines)
    assert type(error)(error.lines).lines == error.lines  # as it is sent to the other ranks
