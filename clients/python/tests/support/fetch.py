"""What somebody sees who knows nothing of taskiq: a plain GET, as curl sends it."""

import asyncio
from urllib.request import urlopen


async def fetch(url: str) -> bytes:
    return await asyncio.to_thread(_fetch, url)


def _fetch(url: str) -> bytes:
    with urlopen(url) as answer:
        body = answer.read()
    assert isinstance(body, bytes)
    return body
