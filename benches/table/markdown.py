"""The results as a page."""

from rows import CPU, RATE, Row
from spread import Results, spread
from targets import SWOOLE, UWEBSOCKETS, judge


def page(
    results: Results,
    lines: list[dict],
    rows: list[Row],
    servers: list[str],
    machine: list[tuple[str, str]],
    settings: str,
) -> str:
    parts = ["# WebSocket servers, measured\n", settings, facts(machine), overview(results, rows, servers)]
    if "ferrite" in servers:
        parts.append(crossing(results))
        parts.append(targets(results, bool({SWOOLE, UWEBSOCKETS} & set(servers))))
    parts += [details(results, lines, row, servers) for row in rows]
    return "\n".join(part for part in parts if part)


def table(head: list[str], body: list[list[str]]) -> str:
    """
    >>> print(table(["server", "rate"], [["a", "1"]]))
    | server | rate |
    |---|---|
    | a | 1 |
    <BLANKLINE>
    """
    lines = [head, ["---"] * len(head), *body]
    return "".join(
        "|" + "|".join(cells if cells[0] == "---" else [f" {cell} " for cell in cells]) + "|\n" for cells in lines
    )


def facts(machine: list[tuple[str, str]]) -> str:
    return table(["machine and versions", ""], [list(fact) for fact in machine])


def overview(results: Results, rows: list[Row], servers: list[str]) -> str:
    """One line a server: rate and processor time."""
    fast = [row for row in rows if RATE in row.columns and CPU in row.columns and not row.once]
    if not fast:
        return ""

    def cell(row: Row, server: str) -> str:
        found = [spread(results, row.key, server, field) for field, _ in (RATE, CPU)]
        return " · ".join(str(medians) for medians in found if medians) or "–"

    body = [[server, *(cell(row, server) for row in fast)] for server in servers]
    return "## Per second · CPU µs each\n\n" + table(["server", *(row.key for row in fast)], body)


def crossing(results: Results) -> str:
    verdict = next(verdict for verdict in judge(results) if verdict.work.startswith("the PHP crossing"))
    return (
        f"The PHP crossing (CPU of ferrite − core at w16): {verdict.measured} µs a message.\n"
        if verdict.measured
        else ""
    )


def targets(results: Results, complete: bool) -> str:
    """All of them, or those that could be measured without the servers they compare with."""
    words = {True: "met", False: "**not met**", None: "not measured"}
    body = [[v.work, v.target, str(v.measured or "–"), words[v.met]] for v in judge(results) if complete or v.measured]
    if not body:
        return ""
    note = (
        "\nRatios are taken round by round. Absolute targets were set on a quiet machine; compare the ratios first.\n"
    )
    return "## Targets\n\n" + table(["work", "target", "measured", ""], body) + note


def details(results: Results, lines: list[dict], row: Row, servers: list[str]) -> str:
    body = []
    for server in servers:
        cells = [spread(results, row.key, server, field) for field, _ in row.columns]
        if any(cells):
            body.append([server, *(str(cell or "–") for cell in cells)])
    errors = "".join(
        f"\n{line['server']}, round {line['round'] + 1}, failed: {line['error']}\n"
        for line in lines
        if line["row"] == row.key and "error" in line
    )
    head = ["server", *(title for _, title in row.columns)]
    return f"## {row.key}\n\n{row.title}\n\n" + (table(head, body) if body else "") + errors
