"""Methods over many cases and what their texts are worth: running, metrics, statistics, the identity test, reports.

Runs are made in ``running``, texts are measured in ``metrics``, methods are compared in ``statistics``, and ``report``
lays out what was found. ``identity`` tests whether differences recognise their user.
"""
