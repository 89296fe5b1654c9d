"""Commands in processes of their own that start at once: forked from a server that has imported what they need."""

import multiprocessing
import os
import runpy
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir
from pathlib import Path

from unlike.cli.main import main

REPOSITORY = Path(__file__).parent.parent
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.preloaded"])


def new_process(target, *args):
    """A process that has been started; the server starts where its imports are found, whatever folder a test is in."""
    with chdir(REPOSITORY):
        process = _CONTEXT.Process(target=target, args=args, daemon=True)
        process.start()
    return process


class Command:
    """``unlike`` in a process, which is used as one of subprocess.Popen is.

    Args:
        words: Behind ``unlike``.
        script: A file to run instead of it.
        cwd: Its folder; by default that of the test.
        environment: Changes of the environment.
    """

    def __init__(self, *words, script="", cwd="", **environment):
        (out, out_end), (err, err_end) = (_CONTEXT.Pipe(duplex=False) for _ in range(2))
        words, environment = [str(script) or "unlike", *map(str, words)], {**os.environ, **environment}
        self._process = new_process(_run, words, script, str(cwd) or os.getcwd(), environment, out_end, err_end)
        out_end.close()
        err_end.close()
        self.stdout, self.stderr = (os.fdopen(os.dup(end.fileno()), encoding="utf-8") for end in (out, err))
        self.pid = self._process.pid

    @property
    def returncode(self):
        return self._process.exitcode

    def send_signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        self._process.kill()

    def wait(self, timeout=120):
        """Wait for its end, and kill it if it does not come; returns the exit status, negative after a signal."""
        self._process.join(timeout)
        if self.returncode is None:
            self.kill()
            raise subprocess.TimeoutExpired("unlike", timeout)
        return self.returncode

    def communicate(self, timeout=120):
        """Wait for its end; returns what it printed to standard output and error."""
        with ThreadPoolExecutor(2) as both:
            printed = both.map(lambda end: end.read(), (self.stdout, self.stderr))
            self.wait(timeout)
            out, err = printed
        return out, err


def _run(words, script, cwd, environment, out, err):
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", encoding="utf-8"), os.fdopen(2, "w", 1, encoding="utf-8")
    sys.argv = words
    if script:
        sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
        runpy.run_path(str(script), run_name="__main__")
    else:
        main()
