"""What a backend shows the service who it is by. No message and no ``repr`` shows it to others."""

import base64
import os
import re

from yarl import URL

TOKEN_VARIABLE = "RESULTD_TOKEN"

_TOKEN = re.compile(r"[\x21-\x7e]+")


def authorization_of(url: URL, token: str | None) -> str | None:
    """Give the value of the Authorization header, or None where there is no secret.

    The token, else the URL's user, else what ``RESULTD_TOKEN`` says. A user with a password is for
    a proxy that asks for both.

    :raises ValueError: for a token beside a user, and for one that no header can hold.
    """
    user, password = url.user or "", url.password or ""
    if token is not None and (user or password):
        raise ValueError("the address has a user name, and there is a token: give one of them")
    if user and password:
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
    token = token or user or password or os.environ.get(TOKEN_VARIABLE) or None
    if token is None:
        return None
    if not _TOKEN.fullmatch(token):
        raise ValueError("the token has characters that no header can hold")
    return f"Bearer {token}"
