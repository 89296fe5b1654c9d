"""Methods over many cases and the evaluation of their texts: running, metrics, statistics, identity, authorship, reports.

Runs are made in ``running``, texts are measured in ``metrics``, methods are compared in ``statistics``, and ``report`` formats
the results. ``identity`` tests whether differences identify their user, ``authorship`` whether texts sound like the user.
"""
