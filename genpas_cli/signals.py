"""Which signals end a job, with everything that it has begun taken away again."""

from __future__ import annotations

import signal

ENDING: set[int] = {signal.SIGINT}
"""Signals whose handlers raise KeyboardInterrupt: Ctrl-C; the command line adds those by which a system ends a process.

In a program that uses the library, other signals have a meaning of its own.
"""
