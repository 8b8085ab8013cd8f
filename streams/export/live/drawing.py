"""Small drawings as SVG path data, in a box of WIDTH x HEIGHT: a trend, and how old those are that
wait.
"""

from __future__ import annotations

from collections.abc import Sequence

from streams.domain.contract import PPM
from streams.export.live.trend import Plan, Point

WIDTH, HEIGHT = 120, 24
_MARGIN = 2


def trend_path(
    plan: Plan, points: Sequence[Point], last: int, target: float | None, floor: float | None = None
) -> tuple[str, float | None]:
    """The line of a trend, broken where nothing was counted, and the height of its target.

    `target` is in the points' unit (numerator / denominator). The box spans what there is to see,
    from `floor` up where one is given; `last` (ms) is the boundary at its right edge.
    """
    known = [p.numerator / p.denominator for p in points if p.denominator]
    if not known:
        return "", None
    seen = [*known, *([target] if target is not None else [])]
    low, high = min(seen) if floor is None else floor, max(seen)

    def y(figure: float) -> float:
        if high == low:
            return HEIGHT / 2 if floor is None else HEIGHT - _MARGIN
        inner = HEIGHT - 2 * _MARGIN
        return round(HEIGHT - _MARGIN - (figure - low) / (high - low) * inner, 1)

    parts, pen_down = [], False
    for point in points:
        if point.denominator:
            x = round(WIDTH - (last - point.boundary) / plan.span_ms * WIDTH, 1)
            parts.append(
                f"{'L' if pen_down else 'M'}{x:g} {y(point.numerator / point.denominator):g}"
            )
            if not pen_down:
                parts.append("h0")  # a single point is seen too
        pen_down = bool(point.denominator)
    return "".join(parts), None if target is None else y(target)


def target_of(indicator: str, target_ppm: int) -> float | None:
    """A clause's target in its trend's unit; None where the trend is of another thing."""
    if indicator == "escalation_wait":
        return None
    return float(target_ppm) if indicator == "cost_per_verified" else target_ppm / PPM


def ages_path(ages_ms: Sequence[int], threshold_ms: int | None) -> tuple[str, float | None]:
    """One stroke for each that waits, at its age, and where the threshold lies.

    Twice the threshold (or, without one, the oldest's age) is the whole width; who is older stands
    at its end.
    """
    full = 2 * threshold_ms if threshold_ms else max(ages_ms, default=0)
    if not full:
        return "", None
    inner = WIDTH - 2 * _MARGIN
    strokes = [
        f"M{_MARGIN + round(min(max(age, 0) / full, 1.0) * inner, 1):g} 5V19" for age in ages_ms
    ]
    return "".join(dict.fromkeys(strokes)), WIDTH / 2 if threshold_ms else None
