"""Task ids as resultd takes them.

taskiq lets a task id be any string; resultd takes 1 to 255 characters of a small set. An id that
fits is used as it is, so that ``curl`` finds it. Any other is encoded, and no two ids ever meet:
everything that starts with ``~`` is of this module's making, its own forms included.
"""

import hashlib
import re
from base64 import urlsafe_b64encode

LONGEST = 255
"""Characters that an id of resultd may have."""

_PLAIN = re.compile(r"[A-Za-z0-9._:@+=-][A-Za-z0-9._~:@+=-]{0,254}")


def encode_task_id(task_id: str) -> str:
    """Give the id under which resultd keeps the task.

    ``~`` and the base64url of its UTF-8 where the id does not fit, or starts with ``~``; ``~~`` and
    its SHA-256 in base64url where that would be too long. base64url has no ``~``, so the two forms
    never meet.
    """
    if _PLAIN.fullmatch(task_id) and task_id not in (".", ".."):
        return task_id
    # A lone surrogate has no UTF-8, but is a string that taskiq would take.
    raw = task_id.encode("utf-8", "surrogatepass")
    encoded = "~" + _base64url(raw)
    return encoded if len(encoded) <= LONGEST else "~~" + _base64url(hashlib.sha256(raw).digest())


def _base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode("ascii").rstrip("=")
