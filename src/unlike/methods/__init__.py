"""The methods, side by side: each paper's description as one async function over a Case.

What they share (the five steps) is in ``steps.py``; everything concrete comes with the Kit. A method returns a Draft, the
prompt of the text; ``unlike.writing`` writes it. A new method is a function ``async (case, kit) -> Draft`` and one line in
``table.py``.
"""
