"""Picture: a drawing that a notebook shows, and that can be written to a file of several kinds."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bagkit.diagnostics.drawing import Drawing
from bagkit.diagnostics.graph_text import dot_text, mermaid_text
from bagkit.diagnostics.svg import svg_text
from bagkit.errors import OutputError, PlanError, missing_extra, one_line, text_of
from bagkit.front_doors import front_door

FORMATS = ("svg", "png", "pdf", "dot", "mermaid")
SUFFIXES = {"gv": "dot", "mmd": "mermaid"}
"""Other suffixes that files of these formats have."""

MOST_NODES = 6000
"""How many nodes are laid out at the most: more take long, and nobody can read the picture."""

PNG_SCALE = 2.0
"""Pixels for each unit of the SVG, so that text is sharp."""


@dataclass(frozen=True)
class Picture:
    """What `visualize` returns: a notebook shows it, and `save` writes it to a file.

    Attributes:
        drawing: The nodes and edges.

    >>> import bagkit as bk
    >>> bk.range(10, npartitions=2).map(str).visualize()
    <Picture of 3 nodes; .save('picture.svg') writes it to a file>
    """

    drawing: Drawing

    @cached_property
    def svg(self) -> str:
        """The text of an SVG file. A PlanError if there are too many nodes to draw.

        >>> import bagkit as bk
        >>> bk.range(10, npartitions=2).visualize().svg.startswith("<svg")
        True
        """
        count = len(self.drawing.nodes)
        if count > MOST_NODES:
            raise PlanError(
                f"visualize: too much for a picture; got {count:,} nodes, expected {MOST_NODES:,} at the most; "
                "hint: draw a part, or give a filename that ends in .dot or .mermaid for a program that draws more"
            )
        return svg_text(self.drawing)

    @cached_property
    def dot(self) -> str:
        """The text of a DOT file, which Graphviz reads.

        >>> import bagkit as bk
        >>> bk.range(10, npartitions=2).visualize().dot.startswith("digraph")
        True
        """
        return dot_text(self.drawing)

    @cached_property
    def mermaid(self) -> str:
        """The text of a Mermaid flowchart, which many pages of Markdown show.

        >>> import bagkit as bk
        >>> bk.range(10, npartitions=2).visualize().mermaid.startswith("flowchart")
        True
        """
        return mermaid_text(self.drawing)

    @front_door
    def save(self, filename: str | os.PathLike[str], format: str | None = None) -> None:  # noqa: A002  (dask's word)
        """Write the picture to a file.

        Args:
            filename: The path. A name without a suffix gets the suffix of the format.
            format: svg, png, pdf, dot or mermaid. None: by the suffix, and svg for a name without one.

        Raises:
            PlanError: There is no such format, or `filename` is no path.
            MissingExtraError: For png and pdf, neither vl-convert-python nor Graphviz's `dot` is installed.
            OutputError: The file can't be written.

        >>> import bagkit as bk, pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "plan.dot")
        >>> bk.range(10, npartitions=2).visualize().save(path)
        >>> path.read_text().startswith("digraph")
        True
        """
        if not isinstance(filename, (str, os.PathLike)):
            raise PlanError(f"visualize: filename is {one_line(filename)}; expected a path, as a str or os.PathLike")
        path = Path(filename)
        suffix = path.suffix[1:].lower()
        kind = (format or SUFFIXES.get(suffix, suffix) or "svg").lower().removeprefix(".")
        if kind not in FORMATS:
            raise PlanError(f"visualize: no format is called {kind!r}; expected one of {', '.join(FORMATS)}")
        if not suffix:
            path = path.with_name(f"{path.name}.{kind}")
        data = self._bytes(kind)
        try:
            path.write_bytes(data)
        except (OSError, ValueError) as error:  # ValueError: no file can have that name
            why = getattr(error, "strerror", None) or text_of(error)
            raise OutputError(f"visualize: {one_line(str(path))} can't be written: {why}") from error

    def _bytes(self, kind: str) -> bytes:
        if kind in ("png", "pdf"):
            return self._drawn(kind)
        text: str = getattr(self, kind)
        return text.encode()

    def _drawn(self, kind: str) -> bytes:
        try:
            import vl_convert
        except ImportError as error:
            drawn = self._drawn_by_dot(kind)
            if drawn is None:
                raise missing_extra("vl-convert-python", "pictures", f"to write .{kind} files") from error
            return drawn
        result: bytes = (
            vl_convert.svg_to_png(self.svg, scale=PNG_SCALE) if kind == "png" else vl_convert.svg_to_pdf(self.svg)
        )
        return result

    def _drawn_by_dot(self, kind: str) -> bytes | None:
        """Return the picture as Graphviz draws it; None where there is no Graphviz."""
        import shutil
        import subprocess

        program = shutil.which("dot")
        if program is None:
            return None
        return subprocess.run([program, f"-T{kind}"], input=self.dot.encode(), stdout=-1, check=True).stdout

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        count = len(self.drawing.nodes)
        kind = "svg" if count <= MOST_NODES else "dot"
        return f"<Picture of {count:,} nodes; .save('picture.{kind}') writes it to a file>"
