"""How a process ends when the brokers are gone and nobody answers its farewell."""

import os
import sys
from typing import NoReturn


def end_now(code: int) -> NoReturn:
    """End without waiting for threads and tasks that wait for a broker."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
