"""Activity bursts: closed intervals of a conversation's activity. DEFINITIONS.md section 2."""

from __future__ import annotations

from bisect import bisect_left


def join_burst(bursts: list[int], channels: list[str], time: int, channel: str, gap: int) -> None:
    """Join an activity at `time` (ms) into the bursts: neighbours at most `gap` apart are one.

    `bursts` is start, end, start, end, ... in order; `channels` holds the channel of each burst's
    first activity (ties: the least).
    """
    at = bisect_left(bursts, time)
    if at < len(bursts) and bursts[at] == time:
        if at % 2 == 0:
            channels[at // 2] = min(channel, channels[at // 2])
        return
    if at % 2:  # inside a burst
        return
    joins_left = at > 0 and time - bursts[at - 1] <= gap
    joins_right = at < len(bursts) and bursts[at] - time <= gap
    if joins_left and joins_right:
        del bursts[at - 1 : at + 1]
        del channels[at // 2]
    elif joins_left:
        bursts[at - 1] = time
    elif joins_right:
        bursts[at] = time
        channels[at // 2] = channel
    else:
        bursts[at:at] = [time, time]
        channels.insert(at // 2, channel)
