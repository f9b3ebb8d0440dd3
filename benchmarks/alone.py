"""A contender in a process of its own, so that none finds caches, threads or memory as another left them."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


def alone(contender: Callable[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result:
    """Calls a function of a module in a new process and returns what it returns."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(contender, *given, **named).result()
