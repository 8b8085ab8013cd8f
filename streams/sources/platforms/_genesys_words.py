"""Words of Genesys Cloud that events, details and messages share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from streams.domain.events import Channel

_T = TypeVar("_T")


def both(words: Mapping[str, _T]) -> dict[str, _T]:
    """The words in small letters and in capitals: events shout what details write small."""
    return {case: value for word, value in words.items() for case in (word, word.upper())}


MESSAGES: Final[dict[str, Channel]] = both(
    {
        "webmessaging": "chat",
        **dict.fromkeys(("sms", "whatsapp", "facebook", "instagram", "twitter"), "messaging"),
        **dict.fromkeys(("line", "open", "apple", "viber", "wechat", "telegram"), "messaging"),
        **dict.fromkeys(("kakao", "linkedin"), "messaging"),
    }
)
DIRECTIONS: Final = both({"inbound": "inbound", "outbound": "outbound"})
