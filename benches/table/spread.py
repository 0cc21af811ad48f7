"""Medians, ratios, and how they are written."""

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Spread:
    """Some measurements of the same thing."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.values)

    def __str__(self) -> str:
        """
        >>> str(Spread((3.0, 1.0, 2.0)))
        '2.00 (1.00–3.00)'
        >>> str(Spread((1234567.0,)))
        '1 235k'
        >>> str(Spread((0.0, 0.0, 0.0)))
        '0'
        """
        low, high = min(self.values), max(self.values)
        if low == high:
            return short(low)
        return f"{short(self.median)} ({short(low)}–{short(high)})"


# What row, server and field led to, round by round; None where it failed or does not apply.
Results = dict[tuple[str, str, str], list[float | None]]


def collect(lines: list[dict]) -> Results:
    """
    >>> lines = [{"row": "echo", "server": "a", "round": 1, "rate": 2}, {"row": "echo", "server": "a", "round": 0}]
    >>> collect(lines)[("echo", "a", "rate")]
    [None, 2]
    """
    results: Results = {}
    for line in lines:
        for field, value in line.items():
            if isinstance(value, (int, float)) and field != "round":
                rounds = results.setdefault((line["row"], line["server"], field), [])
                rounds.extend([None] * (line["round"] + 1 - len(rounds)))
                rounds[line["round"]] = value
    return results


def spread(results: Results, row: str, server: str, field: str) -> Spread | None:
    values = tuple(value for value in results.get((row, server, field), []) if value is not None)
    return Spread(values) if values else None


def compare(results: Results, row: str, field: str, server: str, other: str, how) -> Spread | None:
    """Each round's value of `server` against that of `other`, so that a noisy round spoils one value of both.

    >>> results = {("r", "a", "f"): [2, 9, None], ("r", "b", "f"): [1, 3, 5]}
    >>> compare(results, "r", "f", "a", "b", lambda a, b: a / b).values
    (2.0, 3.0)
    """
    pairs = zip(results.get((row, server, field), []), results.get((row, other, field), []))
    values = tuple(how(mine, theirs) for mine, theirs in pairs if mine is not None and theirs)
    return Spread(values) if values else None


def short(value: float) -> str:
    """
    >>> [short(v) for v in (0, 0.1234, 6.789, 45.67, 1234, 98765, 2055432)]
    ['0', '0.12', '6.79', '45.7', '1 234', '98.8k', '2 055k']
    """
    if value == 0:
        return "0"
    if abs(value) < 10:
        return f"{value:.2f}"
    if abs(value) < 100:
        return f"{value:.1f}"
    if abs(value) < 10_000:
        return f"{value:,.0f}".replace(",", " ")
    if abs(value) < 100_000:
        return f"{value / 1000:.1f}k"
    return f"{value / 1000:,.0f}k".replace(",", " ")
