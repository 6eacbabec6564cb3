#!/usr/bin/env python3
"""A worker in plain Python.

Standard input is the queue: a message a line, `{"task_id", "task_name", "args", "kwargs",
"labels"}`. Once the outcome of one is stored, its task id is printed: that acknowledges it. A
message that is not acknowledged should be delivered again. The exit code is then 1.
"""

import argparse
import json
import logging
import math
import sys
import time
import traceback

from resultd import Refused, Resultd, Unreachable, encode

DEEPEST_CAUSE = 8


def add(progress, *numbers):
    return sum(numbers)


def greet(progress, name):
    return f"Hello, {name}!"


def fail(progress, message):
    raise ValueError(message)


def slow(progress, steps, seconds=0.1):
    for done in range(1, steps + 1):
        time.sleep(seconds)
        progress({"done": done, "of": steps})
    return steps


FUNCTIONS = {"add": add, "greet": greet, "fail": fail, "slow": slow}


def work(service, message):
    """Runs one message and stores what became of it. Raises where that could not be stored."""
    task_id, labels = message["task_id"], message.get("labels", {})

    def outcome(fields):
        seconds = round(time.perf_counter() - started, 6)
        return encode({**fields, "execution_time": seconds, "labels": labels})

    def progress(meta):
        try:
            service.progress(task_id, "STARTED", meta)
        except Refused as error:
            logging.warning("%s", error)

    service.progress(task_id, "STARTED")  # an id that is not valid is refused here, before any work
    started = time.perf_counter()
    try:
        value = call(message, progress)
        # A value that cannot be encoded is a failure too: nobody waits for it in vain.
        kind, body = "result", outcome({"return_value": value})
    except Exception as error:
        kind, body = "exception", outcome(describe(error))
    try:
        is_first = service.report(task_id, kind, body)
    except Refused as error:  # too large, say: the reason takes its place
        is_first = service.report(task_id, "exception", outcome(describe(error)))
    if not is_first:
        logging.warning("task %s has another outcome already, which stays", task_id)


def call(message, progress):
    name = message["task_name"]
    if name not in FUNCTIONS:
        raise LookupError(f"there is no function {name!r}, only {', '.join(FUNCTIONS)}")
    return FUNCTIONS[name](progress, *message.get("args", []), **message.get("kwargs", {}))


def describe(error, depth=DEEPEST_CAUSE):
    """An exception as taskiq stores it, and its traceback."""
    cause = error.__cause__
    return {
        "exc_type": type(error).__qualname__,
        "exc_message": [arg if isinstance(arg, (str, int)) else repr(arg) for arg in error.args],
        "exc_module": type(error).__module__,
        "exc_cause": describe(cause, depth - 1) if cause and depth else None,
        "traceback": "".join(traceback.format_exception(type(error), error, error.__traceback__)),
    }


def parse(line):
    """The message of a line. ValueError where it is none."""
    message = json.loads(line, parse_float=finite, parse_constant=finite)
    names = ("task_id", "task_name")
    if not isinstance(message, dict) or not all(isinstance(message.get(n), str) for n in names):
        raise ValueError("it has no task_id and task_name")
    return message


def finite(text):
    """Python's JSON knows NaN and infinity. Nobody else's does."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a number of JSON")
    return number


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:8080")
    parser.add_argument("retry_seconds", nargs="?", type=float, default=120.0)
    options = parser.parse_args()
    try:
        service = Resultd(options.url, options.retry_seconds)
    except ValueError as error:
        parser.error(str(error))
    all_stored = True
    for line in sys.stdin.buffer:
        try:
            message = parse(line)
            work(service, message)
            print(message["task_id"], flush=True)
        except (ValueError, RecursionError, Refused) as error:
            logging.error("not acknowledged: %s: %.100r", error, line)
            all_stored = False
    return 0 if all_stored else 1


if __name__ == "__main__":
    logging.basicConfig(format="%(message)s")
    try:
        sys.exit(main())
    except Unreachable as error:  # what is left would fare no better
        sys.exit(f"not acknowledged: {error}")
