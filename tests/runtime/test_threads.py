"""Work on other threads: order, errors, and that Ctrl-C at any moment leaves neither a hang nor a thread."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from genpas_cli.runtime.threads import pool
from tests.support import ROOT

INTERRUPTED_AT_EVERY_STEP = """
import faulthandler, signal, sys, threading
from genpas_cli.runtime.threads import pool

def scenario():
    with pool(2, "work") as workers:
        tasks = [workers.submit(threading.get_ident) for _ in range(4)]
        while not tasks[0].done(0.001):
            pass
        for task in tasks:
            task.result()

def interrupted_at(step):
    steps = 0
    def trace(frame, event, arg):
        nonlocal steps
        if frame.f_code.co_filename.endswith("weakref.py") or frame.f_code.co_name == "_remove":
            return None  # Python ignores what is raised in the callback of a weak reference
        steps += 1
        if steps == step:
            sys.settrace(None)
            signal.raise_signal(signal.SIGINT)
        return trace
    sys.settrace(trace)
    try:
        scenario()
    finally:
        sys.settrace(None)

faulthandler.dump_traceback_later(60, exit=True)
step, interrupts = 0, 0
while True:
    step += 1
    try:
        interrupted_at(step)
    except KeyboardInterrupt:
        interrupts += 1
    else:
        break
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            thread.join(20)  # between two functions nobody has told it yet; then it ends when the pool is forgotten
            if thread.is_alive():
                sys.exit(f"a thread is left after an interrupt at step {step}")
print(interrupts)
"""


def test_results_come_from_the_threads() -> None:
    with pool(2, "work") as workers:
        tasks = [workers.submit(divmod, number, 3) for number in range(10)]
        assert [task.result() for task in tasks] == [divmod(number, 3) for number in range(10)]
        assert tasks[0].result() == (0, 0)


def test_an_error_is_raised_where_the_result_is_asked_for() -> None:
    with pool(1, "work") as workers:
        task = workers.submit(divmod, 1, 0)
        assert task.done(10)
        with pytest.raises(ZeroDivisionError):
            task.result()


def test_what_runs_when_the_pool_is_left_is_waited_for_and_the_rest_forgotten() -> None:
    begun = threading.Event()
    ended: list[bool] = []

    def work() -> None:
        begun.set()
        while not workers.stopping.is_set():
            time.sleep(0.001)
        ended.append(True)

    with pool(1, "work") as workers:
        tasks = [workers.submit(work) for _ in range(3)]
        assert begun.wait(10)
        assert not tasks[1].done(0.001)
    assert ended == [True]


def test_an_interrupt_at_any_step_of_the_main_thread_ends_it() -> None:
    """Each line and return of Python code, the standard library's included, in turn."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AT_EVERY_STEP], cwd=ROOT, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 100  # it went through the pool and the standard library


FORGOTTEN_IN_A_SUBMISSION = """
import concurrent.futures.thread, faulthandler, gc, threading
from genpas_cli.runtime.threads import in_order, pool

def numbers():
    with pool(2, "work") as workers:
        yield from in_order(workers, [int] * 100, ahead=4)

class Circle:
    pass

def forget():
    circle = Circle()
    circle.itself, circle.numbers = circle, numbers()
    next(circle.numbers)

faulthandler.dump_traceback_later(60, exit=True)
gc.disable()
forget()
with concurrent.futures.thread._global_shutdown_lock:  # as inside of the submit of any executor
    gc.collect()
print(threading.active_count())
"""


def test_the_garbage_collector_may_close_a_forgotten_generator_anywhere() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORGOTTEN_IN_A_SUBMISSION], cwd=ROOT, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "1\n")


LEFT_OPEN = """
import threading
from genpas_cli.runtime.threads import Pool

workers = Pool(2, "work")
workers.submit(threading.get_ident).result()
raise KeyboardInterrupt  # just before it would have been closed
"""


def test_a_pool_that_nobody_could_close_does_not_keep_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", LEFT_OPEN], cwd=ROOT, capture_output=True, text=True, timeout=30,
                          check=False)  # fmt: skip
    assert "KeyboardInterrupt" in done.stderr
