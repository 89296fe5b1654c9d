"""Each benchmark is a module with main() -> Row: one line of the table."""
