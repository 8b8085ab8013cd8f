"""What servers on aiohttp log of bytes that are no HTTP: how many, and nothing of them."""

from __future__ import annotations

import logging

from aiohttp.http_exceptions import HttpProcessingError

_QUIET_S = 60.0


class _NoHttp(logging.Filter):
    """What aiohttp says of bytes that are no HTTP quotes them, a secret or a name among them, and
    anybody can send any number: a line a minute says how many there were.
    """

    def __init__(self) -> None:
        super().__init__()
        self._since: float | None = None
        self._untold = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log it, by then without what it quotes."""
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError):
            return True
        self._untold += 1
        if self._since is not None and record.created - self._since < _QUIET_S:
            return False
        record.msg = "refused with 400, for they are no HTTP: %d requests"
        record.args = (self._untold,)
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.exc_info = record.exc_text = None
        self._since, self._untold = record.created, 0
        return True


def server_log(name: str) -> logging.Logger:
    """A logger of one server's own, for a filter stays with its logger."""
    logger = logging.getLogger("baton").getChild(name)
    for each in list(logger.filters):
        logger.removeFilter(each)
    logger.addFilter(_NoHttp())
    return logger
