"""From measured runs to conclusions: means with intervals, paired tests, gains by user and group, sweeps."""
