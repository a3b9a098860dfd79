"""The XDMF text of a series: for each snapshot its time, and which datasets of its file are what."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape, quoteattr

from solver.output.stored import CELLS, COMPONENTS, Dataset, Frame

KINDS = ("Scalar", "Vector", "Tensor")  # by rank


def grid(path: str, time: float, frame: Frame, fields: Mapping[str, Dataset]) -> str:
    """The text of one snapshot, `path` relative to the XDMF file."""
    dimensions = _words(frame.cells[::-1])
    lines = [f'<Grid Name="lifront" GridType="Uniform"><Time Value="{time!r}"/>', *_geometry(path, frame)]
    for name, field in fields.items():
        size = f"{dimensions} {COMPONENTS[field.rank]}" if field.rank else dimensions
        lines += [
            f'<Attribute Name={quoteattr(name)} AttributeType="{KINDS[field.rank]}" Center="Cell">',
            f'<Information Name="unit" Value={quoteattr(field.unit)}/>',
            f'<Information Name="long_name" Value={quoteattr(field.long_name)}/>',
            _stored(size, f"{path}:/{CELLS}/{name}", field.precision),
            "</Attribute>",
        ]
    return "\n".join([*lines, "</Grid>"])


def document(grids: Iterable[str]) -> str:
    """A complete XDMF file: the snapshots as one time series."""
    series = "\n".join(grids)
    return (
        '<?xml version="1.0"?>\n<Xdmf Version="2.2"><Domain>\n'
        '<Grid Name="series" GridType="Collection" CollectionType="Temporal">\n'
        f"{series}\n</Grid>\n</Domain></Xdmf>\n"
    )


def _geometry(path: str, frame: Frame) -> list[str]:
    corners = [n + 1 for n in frame.cells[::-1]]
    if frame.origin is None or frame.spacing is None:
        return [
            f'<Topology TopologyType="3DSMesh" Dimensions="{_words(corners)}"/>',
            '<Geometry GeometryType="XYZ">',
            _stored(f"{math.prod(corners)} 3", f"{path}:/VTKHDF/Points"),
            "</Geometry>",
        ]
    # XDMF wants z y x here as well.
    return [
        f'<Topology TopologyType="3DCoRectMesh" Dimensions="{_words(corners)}"/>',
        '<Geometry GeometryType="ORIGIN_DXDYDZ">',
        _item("3", "XML", 8, _words(frame.origin[::-1])),
        _item("3", "XML", 8, _words(frame.spacing[::-1])),
        "</Geometry>",
    ]


def _stored(dimensions: str, where: str, precision: int = 8) -> str:
    return _item(dimensions, "HDF", precision, escape(where))


def _item(dimensions: str, kind: str, precision: int, content: str) -> str:
    numbers = f'NumberType="Float" Precision="{precision}" Format="{kind}"'
    return f'<DataItem Dimensions="{dimensions}" {numbers}>{content}</DataItem>'


def _words(values: Iterable[int | float]) -> str:
    return " ".join(map(repr, values))
