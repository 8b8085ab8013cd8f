"""How long a conversation is remembered: DEFINITIONS.md sections 1 and 2. Times in ms."""

from __future__ import annotations

from typing import Final

DAY_MS: Final = 86_400_000
# B: events as far behind the watermark as this, or further, are refused.
LATE_LIMIT_MS: Final = 7 * DAY_MS
# B + Q: from a life's latest event to its forgetting. Q is a day, so that no event that is still
# taken after the forgetting can lie on a day of the forgotten life.
FORGET_AFTER_MS: Final = LATE_LIMIT_MS + DAY_MS
