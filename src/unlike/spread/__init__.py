"""The same work on many processes and machines, with Ray Data: runs, experiments, embeddings, differences.

What belongs here is only how work is shared out, kept and brought together again. What is done with a case stays in
the rooms below, so that rows are the same whatever engine made them.
"""
