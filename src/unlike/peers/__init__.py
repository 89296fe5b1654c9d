"""With whom a user is compared: the selection R_n of DPL's equation 4 and its ablations.

A selector picks, among the records of others on an item, those of the K representatives.
"""
