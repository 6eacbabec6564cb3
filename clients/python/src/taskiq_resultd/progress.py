"""Progress as resultd's ``{state, meta}``.

Where the backend's serializer writes JSON, ``meta`` is the user's own, for everybody to read. Else
the whole progress is the serializer's bytes in base64, inside a ``meta`` that says so.
"""

import json
import re
from base64 import b64decode, b64encode
from typing import Any

from pydantic_core import to_jsonable_python
from taskiq.depends.progress_tracker import TaskProgress

from .exceptions import ResultDecodeError
from .outcomes import OutcomeCodec
from .serializers import JSON, PYTHON_JSON, is_strict_json

_WRAPPED = "taskiq_resultd"
"""The key by which a wrapped progress is known."""
_STATE = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,64}")


def encode_progress(codec: OutcomeCodec, progress: TaskProgress[Any]) -> bytes:
    """Give the body of ``PUT …/status``. Raises what the serializer raises."""
    members: dict[str, Any] = progress.model_copy(update={"meta": None}).model_dump(mode="json")
    members["meta"] = to_jsonable_python(progress.meta)  # `model_dump` turns NaN into null
    state = str(members["state"])
    content = codec.serializer.dumpb(members)
    if codec.content_type == JSON and is_strict_json(content) and _fits(state, members["meta"]):
        return content
    content_type = PYTHON_JSON if codec.content_type == JSON else codec.content_type
    wrapped = {_WRAPPED: content_type, "base64": b64encode(content).decode("ascii")}
    shown = state if _STATE.fullmatch(state) else "STARTED"
    return json.dumps({"state": shown, "meta": wrapped}).encode()


def decode_progress(
    codec: OutcomeCodec, task_id: str, progress: dict[str, Any]
) -> TaskProgress[Any]:
    """Give the progress of a status view.

    :raises ResultDecodeError: where another serializer has written it.
    """
    meta = progress.get("meta")
    if not isinstance(meta, dict) or _WRAPPED not in meta:
        return TaskProgress(state=progress["state"], meta=meta)
    own = PYTHON_JSON if codec.content_type == JSON else codec.content_type
    if meta[_WRAPPED] != own:
        reason = f"its progress is stored as {meta[_WRAPPED]!r}, and this backend reads {own!r}"
        raise ResultDecodeError(task_id=task_id, reason=reason)
    content = codec.serializer.loadb(b64decode(meta["base64"]))
    return TaskProgress.model_validate(content)


def _fits(state: str, meta: Any) -> bool:
    is_like_wrapped = isinstance(meta, dict) and _WRAPPED in meta
    return _STATE.fullmatch(state) is not None and not is_like_wrapped
