"""These tests need vLLM, which has an environment of its own: `make test-vllm`. Elsewhere they are not collected."""

import importlib.util

collect_ignore = [] if importlib.util.find_spec("vllm") else ["test_real_vllm.py"]
