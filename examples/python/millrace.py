"""Hands events to a Python function: millrace.run(handle) is a whole handler. Python 3.7 or newer.

handle(event) gets the event as a dict. What it returns is the result; an exception means that the event is tried again. What
it prints goes to standard error, which is shown where the event fails.
"""

import json
import os
import sys


class Permanent(Exception):
    """The event can never succeed: it becomes a dead letter at once."""


class Retry(Exception):
    """Try again after so many seconds."""

    def __init__(self, message, seconds):
        super().__init__(message)
        self.seconds = seconds


def run(handle):
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever is printed, by this process or one that it starts, goes to standard error
    sys.stdout = sys.stderr
    if os.environ.get("MILLRACE_MODE") == "persistent":
        for line in sys.stdin.buffer:
            answers.write(json.dumps(answer(handle, line)) + "\n")
            answers.flush()
        return
    said = answer(handle, sys.stdin.buffer.read())
    answers.write(json.dumps(said) + "\n")
    answers.flush()
    sys.stderr.write(said.get("error", ""))
    sys.exit(0 if "ok" in said else 65 if "permanent" in said else 75)  # EX_DATAERR, EX_TEMPFAIL of sysexits


def answer(handle, line):
    try:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError) as fault:
            raise Permanent("Python cannot read the event: %s" % type(fault).__name__)
        result = handle(event)
        json.dumps(result, allow_nan=False)  # or it is no result
        return {"ok": True, "result": result}
    except Permanent as fault:
        return {"error": str(fault), "permanent": True}
    except Retry as fault:
        return {"error": str(fault), "retry_after": "%ds" % fault.seconds}
    except Exception as fault:
        return {"error": "%s: %s" % (type(fault).__name__, fault)}
