"""Damage to the bytes of files: of case files, and of measured profiles."""

import random

from tests.fuzz.values import NUMBERS, UNITS

PROFILE = "time [s],current_density [mA/cm^2],stack_pressure [MPa]\n" + "".join(
    f"{n},{-0.01 * n},{3 + 0.1 * n}\n" for n in range(50)
)


def spoilt(chance: random.Random, raw: bytes) -> tuple[bytes, str]:
    """The bytes of a file, damaged."""
    at = chance.randrange(len(raw) + 1)
    text = raw.decode("utf-8", "surrogatepass")
    line = text.splitlines(keepends=True) or [""]
    ways = {
        "byte": raw[:at] + bytes([chance.randrange(256)]) + raw[at + 1 :],
        "bytes": raw[:at] + chance.randbytes(20) + raw[at:],
        "cut": raw[:at],
        "mark": b"\xef\xbb\xbf" + raw,
        "utf-16": text.encode("utf-16", "surrogatepass"),
        "latin-1": text.replace("u", "\u00fc").encode("latin-1", "replace"),
        "nul": raw[:at] + b"\0" + raw[at:],
        "old mac": raw.replace(b"\n", b"\r"),
        "dos": raw.replace(b"\n", b"\r\n"),
        "twice": raw + raw,
        "lines": "".join(chance.sample(line, len(line))).encode("utf-8", "surrogatepass"),
        "comments": raw + b"\n#" + b" x" * 40_000,
        "brackets": raw + b"\nx = " + chance.choice([b"[", b"{a=", b"[{a="]) * 2000,
        "digits": raw + b"\ny = " + chance.choice([b"9" * 5000, b"0x" + b"f" * 5000, b"1." + b"1" * 50_000]),
        "dots": raw + b"\n" + b"a." * 3000 + b"a = 1\n",
        "tables": raw + b"\n" + b"[[protocol]]\nkind = 'rest'\nduration = '1 s'\n" * 1500,
        "empty": b"",
        "constant": raw.replace(b"1", b"NaN", 1),
        "repetition": raw.replace(b'"kind"', b'"kind": 1, "kind"', 1),
    }
    kind = chance.choice(list(ways))
    return ways[kind], kind


def spoilt_table(chance: random.Random) -> tuple[bytes, str]:
    """A measured profile, damaged."""
    lines = PROFILE.splitlines(keepends=True)
    at = chance.randrange(len(lines))
    cell = chance.choice([*NUMBERS, '"', "", '"1', "1;2", "#", "1 # x"])
    ways = {
        "csv: cell": "".join([*lines[:at], f"{at},{cell},3\n", *lines[at + 1 :]]),
        "csv: quote": "".join([*lines[:at], '"' + lines[at], *lines[at + 1 :]]),
        "csv: semicolons": PROFILE.replace(",", ";"),
        "csv: tabs": PROFILE.replace(",", "\t"),
        "csv: decimal commas": PROFILE.replace(".", ","),
        "csv: decimal commas and semicolons": PROFILE.replace(",", ";").replace(".", ","),
        "csv: order": "".join(chance.sample(lines, len(lines))),
        "csv: long": lines[0] + "".join(f"{n},0,3\n" for n in range(9000)),
        "csv: wide": "time [s]" + ",current_density [A/m^2]" * 3000 + "\n",
        "csv: heading": PROFILE.replace("mA/cm^2", chance.choice(UNITS)),
        "csv: empty": "",
        "csv: field": PROFILE.replace("10,", "1" * 200_000 + ","),
        "csv: scale": PROFILE.replace("mA/cm^2", "GA/cm^2").replace("MPa", "PPa"),
    }
    kind = chance.choice(list(ways))
    return (spoilt(chance, PROFILE.encode()) if chance.random() < 0.3 else (ways[kind].encode(), kind))[0], kind
