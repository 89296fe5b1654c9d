"""The data room: raw files in, a corpus folder out, and the corpus as methods read it.

``tables`` reads files and sets malformed lines apart, ``sources`` says which columns of a data set mean what,
``curate`` and ``split`` apply DPL's appendix A, ``folder`` writes what they made, ``corpus`` opens it.
"""
