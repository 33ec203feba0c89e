"""A drawing in the languages of other programs that draw: DOT, which Graphviz reads, and Mermaid."""

from __future__ import annotations

from collections.abc import Sequence

from bagkit.diagnostics.drawing import Drawing, Shape

DOT_SHAPES: dict[Shape, str] = {"function": "ellipse", "data": "box", "chain": "box"}
MERMAID_SHAPES: dict[Shape, tuple[str, str]] = {"function": ("([", "])"), "data": ("[", "]"), "chain": ("(", ")")}


def dot_text(drawing: Drawing) -> str:
    """Return `drawing` in the DOT language."""
    lines = [
        "digraph {",
        f"  rankdir={drawing.rankdir}",
        '  node [style=filled, fontname="Helvetica"]',
        '  edge [fontname="Helvetica", fontsize=11]',
    ]
    for n, node in enumerate(drawing.nodes):
        style = ', style="filled,rounded"' if node.shape == "chain" else ""
        label = "\\n".join(map(_dot, node.shown))
        lines.append(f'  n{n} [label="{label}", shape={DOT_SHAPES[node.shape]}, fillcolor="{node.fill}"{style}]')
    for edge in drawing.edges:
        label = f' [label="{_dot(edge.label)}"]' if edge.label else ""
        lines.append(f"  n{edge.source} -> n{edge.target}{label}")
    return "\n".join([*lines, "}", ""])


def _dot(text: str) -> str:
    # Graphviz reads &amp; and the like as HTML does, also in plain labels.
    return text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')


def mermaid_text(drawing: Drawing) -> str:
    """Return `drawing` as a Mermaid flowchart."""
    lines = [f"flowchart {drawing.rankdir}"]
    for n, node in enumerate(drawing.nodes):
        before, after = MERMAID_SHAPES[node.shape]
        lines.append(f'  n{n}{before}"{_mermaid_lines(node.shown)}"{after}')
    for edge in drawing.edges:
        label = f'|"{_mermaid_lines([edge.label])}"|' if edge.label else ""
        lines.append(f"  n{edge.source} -->{label} n{edge.target}")
    lines.extend(f"  style n{n} fill:{node.fill},stroke:#444,color:#000" for n, node in enumerate(drawing.nodes))
    return "\n".join([*lines, ""])


def _mermaid_lines(texts: Sequence[str]) -> str:
    lines = ["".join(one if one.isalnum() or one in _PLAIN else f"#{ord(one)};" for one in text) for text in texts]
    return "<br/>".join(lines) or " "


_PLAIN = " .,:=+()'/…→"
"""What stands for itself in Mermaid; other signs might be Markdown, HTML or its own."""
