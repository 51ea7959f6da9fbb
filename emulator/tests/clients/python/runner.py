"""Runs every feature's check in a project of its own, several at once, each within a time limit."""

import json
import os
import queue
import threading
import time
import traceback

AT_ONCE = 12
FEATURES = {}
PRINTING = threading.Lock()


def feature(name, seconds=20):
    """Declares the check of a feature: a function of a scene, which raises if the emulator does not behave."""

    def declare(check):
        assert name not in FEATURES, name
        FEATURES[name] = (check, seconds)
        return check

    return declare


def run(names):
    """What waits longest starts first, so that the whole takes little longer than its longest part."""
    chosen = names or sorted(FEATURES, key=lambda name: -FEATURES[name][1])
    waiting = queue.SimpleQueue()
    for name in chosen:
        waiting.put(name)
    workers = [threading.Thread(target=_work, args=(waiting,), daemon=True) for _ in range(AT_ONCE)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    os._exit(0)  # a check that ran over its time still holds threads


def _work(waiting):
    while True:
        try:
            name = waiting.get_nowait()
        except queue.Empty:
            return
        _report(name)


def _report(name):
    check, seconds = FEATURES[name]
    outcome = queue.SimpleQueue()
    begun = time.monotonic()
    threading.Thread(target=_attempt, args=(name, check, outcome), daemon=True).start()
    try:
        fault = outcome.get(timeout=seconds)
    except queue.Empty:
        fault = f"not done within {seconds} s"
    spent = round((time.monotonic() - begun) * 1000)
    line = {"feature": name, "client": "python", "ok": fault is None, "detail": fault or "", "ms": spent}
    with PRINTING:
        print(json.dumps(line), flush=True)


def _attempt(name, check, outcome):
    from scene import Scene

    try:
        with Scene(name) as scene:
            check(scene)
        outcome.put(None)
    except BaseException as error:  # a check may fail in any way, and must be told of
        outcome.put(_description(error))


def _description(error):
    place = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in place if os.path.dirname(frame.filename) == os.path.dirname(__file__)]
    where = f"{os.path.basename(own[-1].filename)}:{own[-1].lineno}" if own else "?"
    return f"{type(error).__name__} at {where}: {error}"[:400]
