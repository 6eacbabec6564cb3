"""taskiq's results in resultd: ``broker.with_result_backend(ResultdResultBackend(url))``."""

from .backend import ResultdResultBackend
from .exceptions import (
    OutcomeNotStoredError,
    ResultdAnswerError,
    ResultDecodeError,
    ResultdError,
    ResultdUnavailableError,
    ResultIsMissingError,
)
from .many import ManyReady

__version__ = "0.1.0"

__all__ = [
    "ManyReady",
    "OutcomeNotStoredError",
    "ResultDecodeError",
    "ResultIsMissingError",
    "ResultdAnswerError",
    "ResultdError",
    "ResultdResultBackend",
    "ResultdUnavailableError",
    "__version__",
]
