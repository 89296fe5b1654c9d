"""What the library costs beside the LLM, measured: each benchmark is a module with ``main(quick) -> list[Row]``.

A benchmark compares the same work and asserts that both sides give the same answer. ``python -m benchmarks`` runs all.
"""
