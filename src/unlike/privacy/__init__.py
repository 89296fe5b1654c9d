"""What keeps people's words theirs: redaction, sealing, keys, receipts, sensitive statements and repeated words.

Everything here is a pure function of its arguments or of a key: this room knows no database, no LLM and no user. The
store seals with it, the memory checks generated texts with it, and erasure signs with it.
"""
