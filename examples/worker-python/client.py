#!/usr/bin/env python3
"""Waits for a task and prints its outcome.

Exit codes: 0 success, 1 the task failed, 2 usage, 3 not ready in time, 4 it could not be asked, or
the task was removed.
"""

import argparse
import json
import sys

from resultd import Refused, Resultd, Unreachable


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="such as http://127.0.0.1:8080")
    parser.add_argument("task_id")
    parser.add_argument("seconds", nargs="?", type=float, default=60.0)
    options = parser.parse_args()
    try:
        service = Resultd(options.url)
    except ValueError as error:
        parser.error(str(error))
    try:
        outcome = service.wait(options.task_id, options.seconds)
    except TimeoutError as error:
        print(error, file=sys.stderr)
        return 3
    except (Refused, Unreachable) as error:
        print(error, file=sys.stderr)
        return 4
    sys.stdout.buffer.write(outcome + b"\n")
    return 1 if json.loads(outcome)["is_err"] else 0


if __name__ == "__main__":
    sys.exit(main())
