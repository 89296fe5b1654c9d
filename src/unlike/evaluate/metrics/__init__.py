"""Metrics: how a generated text is measured, each by name in one dict.

Here belongs what reads texts and turns them into numbers. A metric gives exactly the values of its reference library
(rouge-score, sacrebleu, nltk with the settings of HF ``evaluate``, which both papers used), faster
where that matters. Tables and statistics belong to the room above.
"""

from unlike.evaluate.metrics.table import METRICS, Metric, open_metric

__all__ = ["METRICS", "Metric", "open_metric"]
