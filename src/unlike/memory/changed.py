"""Jobs that are to be done again through no fault of their own."""


class Changed(Exception):
    """What a job relies on is changing; nothing of it was kept.

    Args:
        reason: In words, none of a user's.
        pause_s: How long to wait before it is done again.

    Attributes:
        pause_s: The same.
    """

    def __init__(self, reason: str, pause_s: float = 0.0) -> None:
        super().__init__(reason)
        self.pause_s = pause_s
