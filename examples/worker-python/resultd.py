"""resultd from plain Python: report outcomes, and wait for them. Copy this file into your project.

A request is sent again where that may help: later each time, with jitter, and not before the
service asks for it. All that is sent here is safe to repeat: reads change nothing, and the same
outcome once more is answered 200.
"""

import http.client
import json
import logging
import math
import random
import time
from urllib.parse import quote, urlsplit

RETRYABLE = {429, 502, 503, 504}
LONGEST_PAUSE_S = 5.0
WAIT_S = 30  # one long poll; many proxies cut what is silent for 60 s

log = logging.getLogger("resultd")


class Refused(Exception):
    """The service answered, and the same request would be answered so again."""

    def __init__(self, method, path, status, text):
        super().__init__(f"{method} {path}: {status} {text.decode(errors='replace')}")
        self.code = problem_code(text)


class Unreachable(Exception):
    """No answer that could be used, for as long as it was tried."""


class Resultd:
    """One connection, kept open between requests. Each thread needs a `Resultd` of its own."""

    def __init__(self, url="http://127.0.0.1:8080", retry_seconds=120.0):
        parts = urlsplit(url)
        kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        if parts.scheme not in kinds or not parts.netloc:
            raise ValueError(f"{url!r} is not the URL of a service, such as http://127.0.0.1:8080")
        self._connection = kinds[parts.scheme](parts.netloc)
        self._prefix = parts.path.rstrip("/")
        self._retry_seconds = retry_seconds

    def report(self, task_id, kind, body):
        """Stores an outcome; kind is `result` or `exception`, body is bytes of JSON.

        False where another outcome of the task came first.
        """
        path = f"/v1/tasks/{quote(task_id, safe='')}/{kind}"
        status, text = self._request("POST", path, body)
        if status < 300:
            return True
        if status == 409:
            return False
        raise Refused("POST", path, status, text)

    def progress(self, task_id, state, meta=None):
        """Says how far a task is. It is not tried for long: the next one, or the outcome, says more."""
        path = f"/v1/tasks/{quote(task_id, safe='')}/status"
        body = encode({"state": state, "meta": meta})
        try:
            status, text = self._request("POST", path, body, retry_seconds=2.0, timeout=5.0)
        except Unreachable as error:
            log.warning("%s", error)
            return
        if status >= 300:
            raise Refused("POST", path, status, text)

    def wait(self, task_id, seconds):
        """The outcome as bytes of JSON, once it is there. TimeoutError where it is not in time."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            wait = min(WAIT_S, math.ceil(left))
            path = f"/v1/tasks/{quote(task_id, safe='')}/result?wait={wait}s"
            asked = time.monotonic()
            status, text = self._request("GET", path, retry_seconds=left, timeout=wait + 30.0)
            if status == 200:
                return text
            if status != 202 and problem_code(text) != "task-unknown":
                raise Refused("GET", path, status, text)
            if time.monotonic() - asked < 1:  # a service that shuts down answers at once
                time.sleep(random.uniform(0.25, 0.75))
        raise TimeoutError(f"task {task_id} was not ready within {seconds} s")

    def _request(self, method, path, body=None, retry_seconds=None, timeout=30.0):
        """The status and the body of the first answer that says something."""
        seconds = self._retry_seconds if retry_seconds is None else retry_seconds
        deadline = time.monotonic() + seconds
        pause = 0.1
        while True:
            asked = 0.0
            try:
                status, text, retry_after = self._send(method, path, body, timeout)
                if status not in RETRYABLE:
                    return status, text
                problem = f"{status} {text.decode(errors='replace')}"
                asked = float(retry_after) if retry_after.isdigit() else 0.0
            except (OSError, http.client.HTTPException) as error:
                problem = repr(error)
            delay = asked + random.uniform(0, pause)
            if time.monotonic() + delay > deadline:
                raise Unreachable(f"{method} {path}: {problem}; gave up after {seconds:.0f} s")
            log.warning("%s %s: %s; trying again in %.1f s", method, path, problem, delay)
            time.sleep(delay)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    def _send(self, method, path, body, timeout):
        connection = self._connection
        connection.timeout = timeout  # for the next connect
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        headers = {"Prefer": "return=minimal"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, self._prefix + path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers.get("Retry-After", "")
        except BaseException:
            connection.close()
            raise


def encode(value):
    """Strict JSON. ValueError or TypeError where JSON cannot hold it, such as infinity or a set."""
    return json.dumps(value, allow_nan=False).encode()


def problem_code(text):
    """The code of a problem document, such as `task-unknown`; empty where it is none."""
    try:
        return json.loads(text)["type"].rpartition(":")[2]
    except (ValueError, TypeError, KeyError, AttributeError):
        return ""
