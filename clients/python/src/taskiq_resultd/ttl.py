"""Times to live as resultd writes them."""

import re
from datetime import timedelta

_TEXT = re.compile(r"\d{1,9}(ms|s|m|h|d)?|never")


def format_ttl(ttl: int | float | str | timedelta) -> str:
    """Give the value of ``?ttl=`` for seconds, a timedelta, or a text of resultd's own form.

    :raises ValueError: for 0 and less, for more than 999,999,999 s, and for other texts.
    """
    if isinstance(ttl, str):
        if not _TEXT.fullmatch(ttl) or not ttl.strip("0mshd"):
            raise ValueError(f"result_ttl {ttl!r}: write digits and ms, s, m, h or d, or 'never'")
        return ttl
    seconds = ttl.total_seconds() if isinstance(ttl, timedelta) else float(ttl)
    if not 0.001 <= seconds < 1e9:
        raise ValueError(f"result_ttl {ttl!r}: it must be 1 ms or more, and below 1e9 s")
    milliseconds = round(seconds * 1000)
    return f"{milliseconds}ms" if milliseconds < 1e9 else f"{round(seconds)}s"
