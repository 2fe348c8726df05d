"""The providers hiccup now and then, so everything goes through here."""

import functools
import logging
import time

from .settings import Settings

log = logging.getLogger(__name__)


class GaveUp(Exception):
    """All attempts failed."""


def with_retries(func):
    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        attempts = Settings.from_env().max_retries + 1
        last = None
        for attempt in range(attempts):
            try:
                return func(*args, **kwargs)
            except Exception as e:
                last = e
                log.warning("%s failed (%d/%d): %r", func.__name__, attempt + 1, attempts, e)
                if attempt + 1 < attempts:
                    time.sleep(0.2 * 2**attempt)
        raise GaveUp(f"{func.__name__} failed {attempts} times") from last

    return wrapper
