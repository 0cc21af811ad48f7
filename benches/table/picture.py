"""The results as a picture: what each server did in a second, and at what cost.

`python3 benches/table/picture.py RAW.jsonl` draws again what was measured before.
"""

import json
import sys
from html import escape

from rows import CPU, FREE, RATE, ROWS, SHARED, SPLIT, Row
from spread import Results, collect, short, spread

WIDTH, MARGIN, GAP = 920, 24, 28
LABEL, BAR, LINE, TITLE = 96, 15, 22, 24
CORES = {SPLIT: "a core each", SHARED: "one core", FREE: "not pinned"}
# A page shows it as an image, so it finds out by itself whether the reader has chosen dark.
STYLE = """
text { font: 13px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328 }
.head { font-size: 18px; font-weight: 600 } .row { font-weight: 600 } .note, .value { fill: #59636e }
.value { font-size: 12px } .paper { fill: #ffffff } .bar { fill: #9aa4af } .ferrite { fill: #0969da }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .note, .value { fill: #9198a1 } .paper { fill: #0d1117 }
  .bar { fill: #59636e } .ferrite { fill: #4493f8 }
}"""


def picture(results: Results, rows: list[Row], servers: list[str], machine: list[tuple[str, str]]) -> str:
    """Two columns of rows, each with a bar for every server that was measured in it.

    >>> results = {("echo", "ferrite", "rate"): [2000.0], ("echo", "ferrite", "cpu_us"): [1.5],
    ...            ("echo", "a<b", "rate"): [1000.0]}
    >>> drawn = picture(results, ROWS, ["ferrite", "a<b", "absent"], [("commit", "abc")])
    >>> "2 000/s · 1.50 µs" in drawn, "a&lt;b" in drawn, "absent" in drawn, drawn.count("<rect")
    (True, True, False, 3)
    """
    panels = [
        (row, found)
        for row in rows
        if RATE in row.columns and CPU in row.columns and not row.once
        for found in [measured(results, row, servers)]
        if found
    ]
    parts, tops = [], [MARGIN + 92, MARGIN + 92]
    column = (WIDTH - 2 * MARGIN - GAP) / 2
    for row, found in panels:
        side = 0 if tops[0] <= tops[1] else 1
        parts += panel(row, found, MARGIN + side * (column + GAP), tops[side], column)
        tops[side] += TITLE + LINE * len(found) + GAP
    facts = dict(machine)
    known = [
        f"commit {facts['commit']}" if "commit" in facts else "",
        *(facts.get(name, "") for name in ("date", "processor", "kernel")),
    ]
    height = max(tops)
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'role="img">',
        "<title>WebSocket servers, measured: messages a second, longer is better</title>",
        f"<style>{STYLE}\n</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}" rx="6"/>',
        text("head", MARGIN, MARGIN + 14, "WebSocket servers, measured"),
        text(
            "note",
            MARGIN,
            MARGIN + 36,
            "Per second, longer is better, and the server's processor time each. Compare within a row.",
        ),
        text("note", MARGIN, MARGIN + 56, " · ".join(filter(None, known))),
    ]
    return "\n".join([*head, *parts, "</svg>\n"])


def measured(results: Results, row: Row, servers: list[str]) -> list[tuple[str, float, str]]:
    """Each server's rate, and its figures in words; the fastest first."""
    found = []
    for server in servers:
        rate, cost = (spread(results, row.key, server, field) for field, _ in (RATE, CPU))
        if rate:
            words = f"{short(rate.median)}/s" + (f" · {short(cost.median)} µs" if cost else "")
            found.append((server, rate.median, words))
    return sorted(found, key=lambda one: -one[1])


def panel(row: Row, found: list[tuple[str, float, str]], x: float, y: float, width: float) -> list[str]:
    parts = [text("row", x, y, row.key), text("value", x + width, y, what(row), "end")]
    # Behind the longest bar its words have room.
    room = width - LABEL - 120
    for number, (server, rate, words) in enumerate(found):
        top = y + 10 + number * LINE
        length = max(2.0, room * rate / found[0][1]) if found[0][1] else 2.0
        kind = "bar ferrite" if server == "ferrite" else "bar"
        parts += [
            text("", x, top + 12, server),
            f'<rect class="{kind}" x="{x + LABEL:.0f}" y="{top}" width="{length:.1f}" height="{BAR}" rx="2"/>',
            text("value", x + LABEL + length + 6, top + 12, words),
        ]
    return parts


def what(row: Row) -> str:
    """
    >>> what(ROWS[0])
    '64 connections, 20 B, 1 in flight, one core'
    >>> [what(row) for row in ROWS if row.key in ("idle", "fan-out")]
    ['fan-out to 1000, 20 B, 1 at a time, a core each', '15 000 idle connections, a core each']
    """
    work, _, _ = row.title.removeprefix("echo, ").partition(f", {row.pinned}")
    for long, short_form in ((" on each", ""), (" bytes", " B")):
        work = work.replace(long, short_form)
    return f"{work}, {CORES[row.pinned]}"


def text(kind: str, x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{escape(words)}</text>'


def main() -> int:
    with open(sys.argv[1]) as raw:
        head, *lines = map(json.loads, raw)
    servers = list(dict.fromkeys(line["server"] for line in lines))
    sys.stdout.write(picture(collect(lines), ROWS, servers, list(head["machine"].items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
