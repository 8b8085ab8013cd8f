"""What a synthetic day is asked to be."""

from __future__ import annotations

from dataclasses import dataclass

HOUR_MS = 3_600_000
# All markets of the synthetic contract keep this offset all year: no time zone data is needed.
LOCAL_OFFSET_MS = 8 * HOUR_MS
ALLOWED_LATENESS_MS = 30_000


@dataclass(frozen=True, slots=True)
class SyntheticDay:
    """The parameters of a generated log; equal parameters give equal bytes.

    `start_ms` in ms since 1970 UTC (default 2026-06-01 00:00 at +08:00); contacts begin within
    `hours` of it. `disorder_seconds` bounds the delay between an event and its arrival. Of a
    million events `duplicate_ppm` are written twice and `late_ppm` arrive minutes later; `dirt_ppm`
    is how many unusable records there are beside them (0 for none, otherwise at least one of each
    kind). In the first local hour `bad_hour` (0..23, None for never) the AI fails. Contacts are
    numbered from `first_contact` on. Raises ValueError for a value out of range.
    """

    seed: int = 1
    interactions: int = 30_000
    start_ms: int = 1_780_243_200_000
    hours: int = 24
    contract: str = "telco-2026"
    supplier: str = "northcall"
    disorder_seconds: int = 20
    duplicate_ppm: int = 10_000
    late_ppm: int = 200
    dirt_ppm: int = 100
    bad_hour: int | None = 14
    first_contact: int = 1

    def __post_init__(self) -> None:
        for name, low, high in (
            ("seed", 0, 2**63 - 1),
            ("interactions", 1, 10_000_000),
            ("start_ms", 0, 4_000_000_000_000),
            ("hours", 1, 24 * 31),
            ("disorder_seconds", 0, 3600),
            ("duplicate_ppm", 0, 1_000_000),
            ("late_ppm", 0, 1_000_000),
            ("dirt_ppm", 0, 1_000_000),
            ("first_contact", 1, 10**12),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"SyntheticDay.{name} is {value}; give {low} to {high}")
        if self.bad_hour is not None and not 0 <= self.bad_hour <= 23:
            raise ValueError(f"SyntheticDay.bad_hour is {self.bad_hour}; give 0 to 23, or None")

    @property
    def end_ms(self) -> int:
        """Where the last contact has begun; events go on for hours after it."""
        return self.start_ms + self.hours * HOUR_MS

    def local_hour(self, time_ms: int) -> int:
        """The hour of the day at the customers', 0..23."""
        return (time_ms + LOCAL_OFFSET_MS) // HOUR_MS % 24

    @property
    def bad_period(self) -> tuple[int, int] | None:
        """[from, to) in ms of the hour in which the AI fails, None where the day has none."""
        for hour_start in range(self.start_ms - self.start_ms % HOUR_MS, self.end_ms, HOUR_MS):
            if hour_start >= self.start_ms and self.local_hour(hour_start) == self.bad_hour:
                return hour_start, hour_start + HOUR_MS
        return None
