"""The methods, side by side: each file is one paper's description as one async function over a Case.

What they share (the five steps) is in ``steps.py``; everything concrete is handed in with the Kit. A new method is a
function ``async (case, kit) -> Outcome`` and one line in ``table.py``.
"""
