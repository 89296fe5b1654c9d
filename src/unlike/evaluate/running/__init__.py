"""Running methods over cases: plans, runs with their journal, experiments, likelihood, the judge."""
