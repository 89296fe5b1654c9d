"""The same work on many processes and machines, with Ray Data: runs, experiments, embeddings, differences.

This package only distributes the work, stores it and collects the results. What is done with a case is in the packages
below, so that rows are the same with every engine.
"""
