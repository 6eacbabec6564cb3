"""What somebody sees who knows nothing of taskiq: a plain GET, as curl sends it."""

import asyncio
import json
from typing import Any
from urllib.request import urlopen


async def fetch(url: str) -> bytes:
    return (await fetch_typed(url))[0]


async def fetch_json(url: str) -> Any:
    return json.loads(await fetch(url))


async def fetch_typed(url: str) -> tuple[bytes, str]:
    """The body, and its content type without parameters."""
    return await asyncio.to_thread(_fetch, url)


def _fetch(url: str) -> tuple[bytes, str]:
    with urlopen(url) as answer:
        return answer.read(), answer.headers.get_content_type()
