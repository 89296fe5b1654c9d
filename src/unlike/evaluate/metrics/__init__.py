"""Metrics: how a generated text is measured, each by name in one dict.

Here belongs what turns texts into numbers, and the reading of the texts. A metric is exactly its reference library
(rouge-score, sacrebleu, nltk with the settings of HF ``evaluate``, which both papers used), only faster where that
matters. Tables and statistics belong to the room above.
"""

from unlike.evaluate.metrics.table import METRICS, Metric, open_metric

__all__ = ["METRICS", "Metric", "open_metric"]
