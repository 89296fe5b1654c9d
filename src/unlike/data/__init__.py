"""The data room: raw files in, a corpus folder out, and the corpus as methods read it.

``tables`` reads files and logs malformed lines, ``sources`` names the columns of each data set, ``curate`` and ``split``
apply DPL's appendix A, ``folder`` writes the result, ``corpus`` opens it.
"""
