#!/usr/bin/env python3
"""The worker of worker.ts in Python, from the standard library alone.

It does the same work under the same task ids, so either of them can serve the client, or both at
once: the first outcome of a task wins, and the other worker is told so with a 409.
"""

import argparse
import errno
import hashlib
import http.client
import json
import os
import random
import re
import stat
import sys
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

LONGEST_ID = 255
PIECE_BYTES = 256 * 1024
PROGRESS_BYTES = 16 * 1024 * 1024
RETRYABLE = {429, 502, 503, 504}
RETRY_FOR_S = 120.0


def list_files(folder):
    """Every file below the folder as its path in bytes, sorted.

    A link that leads nowhere and a folder that cannot be read are in it: they are tasks that fail.
    Links to folders are not followed. Pipes and the like, which never end, are left out.
    """
    found = []

    def walk(inside):
        for entry in os.scandir(os.path.join(folder, inside)):
            path = inside + entry.name
            if entry.is_dir(follow_symlinks=False):
                try:
                    walk(path + b"/")
                except OSError:
                    found.append(path)
            elif entry.is_file(follow_symlinks=False) or (
                entry.is_symlink() and may_be_file(entry.path)
            ):
                found.append(path)

    walk(b"")
    return sorted(found)


def may_be_file(path):
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return True


def task_id_of(job, path):
    """`<job>:<path>`; see taskIdOf in folder.ts, which this follows."""
    encoded = re.sub(rb"[^A-Za-z0-9._@+/-]", lambda byte: b"=%02X" % byte[0][0], path)
    task_id = "%s:%s" % (job, encoded.decode("ascii").replace("/", ":"))
    if len(task_id) <= LONGEST_ID:
        return task_id
    digest = hashlib.sha256(task_id.encode("ascii")).hexdigest()[:32]
    return "%s~%s" % (task_id[: LONGEST_ID - 33], digest)


def count_file(path, on_bytes):
    """Lines, words, bytes and SHA-256; lines and words are None where the file has a byte 0."""
    sha = hashlib.sha256()
    lines = words = done = 0
    is_binary = is_in_word = False
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        while True:
            on_bytes(done, size)
            piece = file.read(PIECE_BYTES)
            if not piece:
                break
            sha.update(piece)
            done += len(piece)
            is_binary = is_binary or b"\0" in piece
            lines += piece.count(b"\n")
            words += len(piece.split())
            if is_in_word and not piece[:1].isspace():
                words -= 1  # the word had begun in the piece before
            is_in_word = not piece[-1:].isspace()
    return {
        "lines": None if is_binary else lines,
        "words": None if is_binary else words,
        "bytes": done,
        "sha256": sha.hexdigest(),
    }


class Service:
    """POSTs JSON to resultd, again while that may help. Each thread has a connection of its own."""

    def __init__(self, url):
        self.url = urllib.parse.urlsplit(url)
        self.local = threading.local()

    def post(self, path, body, retry_for=RETRY_FOR_S, timeout=30.0):
        """The status and the body of the answer. Safe to repeat: an equal outcome answers 200."""
        deadline = time.monotonic() + retry_for
        pause = 0.1
        while True:
            asked = 0.0
            try:
                status, text, retry_after = self.send(path, body, timeout)
                if status not in RETRYABLE:
                    return status, text
                problem = "%d %s" % (status, text)
                asked = float(retry_after) if retry_after.isdigit() else 0.0
            except (OSError, http.client.HTTPException) as error:
                problem = repr(error)
            wait = max(pause, asked) * (1 + random.random())
            if time.monotonic() + wait > deadline:
                raise ConnectionError("POST %s: %s" % (path, problem))
            time.sleep(wait)
            pause = min(pause * 2, 5.0)

    def send(self, path, body, timeout):
        connection = getattr(self.local, "connection", None)
        if connection is None:
            kind = http.client.HTTPSConnection if self.url.scheme == "https" else http.client.HTTPConnection
            connection = self.local.connection = kind(self.url.netloc)
        try:
            connection.timeout = timeout
            if connection.sock is not None:
                connection.sock.settimeout(timeout)
            headers = {"Content-Type": "application/json", "Prefer": "return=minimal"}
            connection.request("POST", path, encode(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers.get("Retry-After", "")
        except BaseException:
            connection.close()
            raise


def encode(body):
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def main():
    parser = argparse.ArgumentParser(description="Counts and hashes the files of a folder.")
    parser.add_argument("folder")
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--job", default="file-stats")
    parser.add_argument("--concurrency", type=int, default=8)
    options = parser.parse_args()
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", options.job):
        parser.error("--job takes 1 to 64 characters of A-Z a-z 0-9 . _ -")
    folder = os.fsencode(options.folder)
    service = Service(options.url)

    def work(path):
        task = "/v1/tasks/" + task_id_of(options.job, path)
        started = time.perf_counter()
        shown = path.decode("utf-8", "replace")
        due = 0

        def on_bytes(done, size):
            nonlocal due
            if done < due:
                return
            due = done + PROGRESS_BYTES
            body = {"state": "STARTED", "meta": {"done": done, "of": size}}
            try:  # sent once: the next one, or the outcome, says more
                service.post(task + "/status", body, retry_for=0, timeout=2.0)
            except ConnectionError:
                pass

        try:
            stats = count_file(os.path.join(folder, path), on_bytes)
            outcome = {"return_value": {"path": shown, **stats}}
        except OSError as error:
            reason = errno.errorcode.get(error.errno, str(error))
            outcome = {"error": {"exc_type": "FileUnreadable", "exc_message": [reason, shown]}}
        outcome["execution_time"] = round(time.perf_counter() - started, 6)
        outcome["labels"] = {"job": options.job, "worker": "python"}
        status, text = service.post(task + "/result", outcome)
        if status == 409:
            return False
        if status >= 300:
            raise RuntimeError("%s was refused: %d %s" % (task, status, text))
        return True

    try:
        files = list_files(folder)
        with ThreadPoolExecutor(options.concurrency) as pool:
            reported = sum(pool.map(work, files))
    except OSError as error:  # no such folder, or no service
        sys.exit(str(error))
    before = len(files) - reported
    print("%d files: %d reported, %d reported before" % (len(files), reported, before))


if __name__ == "__main__":
    main()
