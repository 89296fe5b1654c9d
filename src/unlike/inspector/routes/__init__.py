"""HTTP routes of the inspector, one file per noun."""
