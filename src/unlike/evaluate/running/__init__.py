"""Running methods over cases: plans of experiments, runs, likelihoods, and grades by LLM judges."""
