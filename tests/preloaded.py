"""What processes of the tests begin with: imported once, in the server that they are forked from."""

# ruff: noqa: F401
import aiohttp
import matplotlib.backends.backend_svg
import matplotlib.figure
import nltk
import scipy.stats

import tests.memory.killed_memory
import unlike.cli.experiment
import unlike.cli.inspect
import unlike.cli.report
import unlike.cli.run
import unlike.cli.serve
import unlike.evaluate.report.page
import unlike.experiments.experiment
import unlike.experiments.run
import unlike.inspector.app
import unlike.llm.openai_http
import unlike.serve.server
