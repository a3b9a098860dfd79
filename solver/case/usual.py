"""Values that are allowed but that no material or cell has, told with the range that is usual and the reason."""

from __future__ import annotations

from collections.abc import Iterator

from solver.case.types import Section, spec_of


def usual_warnings(section: Section, prefix: str = "") -> Iterator[str]:
    """One sentence for each value of the section that is not usual, beginning with its key; given or by default.

    Of a column of values only the largest one counts: a measured current may come near to zero.
    """
    for name, field in type(section).model_fields.items():
        value, key = getattr(section, name), prefix + name
        if isinstance(value, Section):
            yield from usual_warnings(value, f"{key}.")
        elif isinstance(value, tuple) and value and isinstance(value[0], Section):
            for index, entry in enumerate(value):
                yield from usual_warnings(entry, f"{key}.{index}.")
        else:
            spec = spec_of(field)
            largest = max(value, key=abs, default=0.0) if isinstance(value, tuple) and spec else value
            if spec and largest is not None and (wrong := spec.unusual(largest)):
                yield f"{key}: {wrong}"
