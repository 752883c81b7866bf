"""The chart of what `embedding` measured: a bar a way, as SVG written by hand."""

from html import escape
from typing import Any

WIDTH, BAR, GAP, LEFT = 720, 26, 12, 170


def draw(found: dict[str, Any]) -> str:
    """Return tokens a second of each way as an SVG picture."""
    ways = found["ways"]
    most = max(row["tokens_per_second"] for row in ways.values())
    room = WIDTH - LEFT - 170
    height = 60 + len(ways) * (BAR + GAP)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
            ' font-family="sans-serif" font-size="13">'
        ),
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        (
            f'<text x="12" y="24" font-size="15">Tokens a second, {escape(found["model"])},'
            f" {found['cores']} cores</text>"
        ),
    ]
    for number, (name, row) in enumerate(ways.items()):
        top = 44 + number * (BAR + GAP)
        width = max(1, round(room * row["tokens_per_second"] / most))
        colour = "#8a8f98" if number == 0 else "#2f6fb3"
        told = f"{row['tokens_per_second']:,.0f}  ({row['times_encode']:.2f} times)"
        parts += [
            f'<text x="{LEFT - 10}" y="{top + 18}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{LEFT}" y="{top}" width="{width}" height="{BAR}" fill="{colour}"/>',
            f'<text x="{LEFT + width + 8}" y="{top + 18}">{told}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
