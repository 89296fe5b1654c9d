"""Commands in processes of their own that start at once: forked from a server that has imported what they need."""

import multiprocessing
import os
import runpy
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from unlike.cli.main import main

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.preloaded"])


class Command:
    """``unlike`` in a process, which is used as one of subprocess.Popen is.

    Args:
        words: Behind ``unlike``.
        script: A file to run instead of it.
        cwd: Its folder.
        environment: Changes of the environment.
    """

    def __init__(self, *words, script="", cwd=".", **environment):
        (out, out_end), (err, err_end) = (PROCESSES.Pipe(duplex=False) for _ in range(2))
        words, environment = [str(script) or "unlike", *map(str, words)], {**os.environ, **environment}
        args = (words, script, str(cwd), environment, out_end, err_end)
        self._process = PROCESSES.Process(target=_run, args=args, daemon=True)
        self._process.start()
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

    def wait(self, timeout=60):
        """Wait for its end; returns the exit status, negative after a signal."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("unlike", timeout)
        return self.returncode

    def communicate(self, timeout=60):
        """Wait for its end; returns what it printed to standard output and error."""
        with ThreadPoolExecutor(2) as both:
            out, err = both.map(lambda end: end.read(), (self.stdout, self.stderr))
        self.wait(timeout)
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
        runpy.run_path(str(script), run_name="__main__")
    else:
        main()
