"""An answer over HTTP, judged: is it resultd's own, and what does it say?

A proxy, a captive portal or another service at the address answers too. Only a problem document of
resultd's counts as resultd's word; anything else becomes an error that says what answered.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from .exceptions import ResultdAnswerError

_PROBLEM = "urn:resultd:problem:"
_ABSENT = frozenset({"task-unknown", "task-removed"})
_SHOWN = 200


@dataclass(frozen=True)
class Answer:
    """Status, headers and the whole body of one answer. ``asked`` is the method and the address."""

    asked: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters; empty where there is none."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def problem(self) -> str | None:
        """The code of resultd's problem document, or None where the body is not one."""
        if self.content_type != "application/problem+json":
            return None
        kind = self._members().get("type")
        if not isinstance(kind, str) or not kind.startswith(_PROBLEM):
            return None
        return kind.removeprefix(_PROBLEM)

    @property
    def is_absent(self) -> bool:
        """Whether resultd itself says that it knows no such task."""
        return self.status in (404, 410) and self.problem in _ABSENT

    @property
    def detail(self) -> str:
        """What a problem document says in words; else the beginning of the body."""
        detail = self._members().get("detail") if self.problem else None
        return detail if isinstance(detail, str) else self.body[:_SHOWN].decode("utf-8", "replace")

    def retry_after(self) -> float:
        """Seconds that ``Retry-After`` asks for, as seconds or as a date; 0 without it."""
        value = self.headers.get("Retry-After", "").strip()
        if value.isdigit():
            return float(value)
        try:
            at = parsedate_to_datetime(value)
        except ValueError:
            return 0.0
        if at.tzinfo is None:
            at = at.replace(tzinfo=timezone.utc)
        return max(0.0, (at - datetime.now(timezone.utc)).total_seconds())

    def json(self) -> Any:
        """The JSON body of a status that has been judged. Raises ResultdAnswerError for others."""
        if self.content_type != "application/json":
            raise self.unexpected()
        try:
            return json.loads(self.body)
        except ValueError:
            raise self.unexpected() from None

    def unexpected(self) -> ResultdAnswerError:
        """Make the error for an answer that was not foreseen: it says what answered."""
        server = self.headers.get("Server")
        location = self.headers.get("Location")
        parts = [
            f"{self.asked} got {self.status}",
            self.content_type or "no content type",
            *([f"Server: {server}"] if server else []),
            # Who redirects to a login may have put a secret into its query.
            *([f"Location: {location.partition('?')[0]}"] if location else []),
            *([self.problem] if self.problem else []),
        ]
        return ResultdAnswerError(what=f"{', '.join(parts)}: {self.detail!r}")

    def _members(self) -> dict[str, Any]:
        try:
            document = json.loads(self.body)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}
