"""Tables of which indicators each platform can feed, in Markdown, from what they declare."""

from __future__ import annotations

from streams.sources.coverage import FAMILIES
from streams.sources.platforms import PLATFORMS

_SHOWN = {"yes": "yes", "partly": "partly", "no": "-"}


def platforms_table() -> str:
    """One row a family of indicators, one column a platform; "-" where it cannot be fed."""
    names = list(PLATFORMS)
    rows = [("indicators", *(f"`{name}`" for name in names)), ("---",) * (len(names) + 1)]
    for family in FAMILIES:
        levels = [_SHOWN[PLATFORMS[name].feeds[family].level] for name in names]
        rows.append((family, *levels))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def platform_table(name: str) -> str:
    """Of one platform, a row a family: whether, why not, and how to get it. Raises KeyError."""
    rows = [("indicators", "fed", "why not", "how to get it"), ("---",) * 4]
    for family, feed in PLATFORMS[name].feeds.items():
        rows.append((family, _SHOWN[feed.level], feed.why or "-", feed.how or "-"))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
