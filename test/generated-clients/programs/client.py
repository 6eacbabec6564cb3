"""The client in Python: generated code, and nothing of HTTP beside it."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

from api import Client
from api.api.outcome import get_result, report_result
from api.models import Outcome, Problem, StatusView, SuccessReport
from api.types import UNSET, Unset


def report(client: Client, task_id: str, success: SuccessReport) -> None:
    answer = report_result.sync(task_id, client=client, body=success)
    assert isinstance(answer, StatusView), answer


def read(client: Client, task_id: str, wait: str | Unset = UNSET) -> dict[str, object]:
    answer = get_result.sync(task_id, client=client, wait=wait)
    assert isinstance(answer, Outcome | Problem), answer
    return answer.to_dict()


def main(origin: str) -> None:
    client = Client(base_url=origin, timeout=None)
    seen = {}
    report(client, "null", SuccessReport(return_value=None))
    seen["null"] = read(client, "null")
    precise = SuccessReport(return_value=1234567.891, execution_time=1234567.891)
    report(client, "precise", precise)
    seen["precise"] = read(client, "precise")
    with ThreadPoolExecutor() as threads:
        waited = threads.submit(read, client, "late", wait="55s")
        report(client, "late", SuccessReport(return_value="at last"))
        seen["waited"] = waited.result()
    seen["problem"] = read(client, "unknown")
    print(json.dumps(seen))


main(sys.argv[1])
