"""Progress without a terminal: lines by a clock, with rate and time left."""

from unlike.cli.progress import LINE_S, Lines, duration


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self):
        self.seconds = 100.0

    def __call__(self):
        return self.seconds


def lines_by(clock):
    written = []
    return Lines(written.append, clock), written


def test_a_line_at_the_beginning_and_then_by_the_clock_with_rate_and_time_left():
    clock = Clock()
    lines, written = lines_by(clock)
    lines.on_progress("rag", 1, 301, "1 calls")
    for n_done in range(2, 61):
        clock.seconds += 0.5
        lines.on_progress("rag", n_done, 301, f"{n_done} calls")
    assert written == [
        "rag: 1 of 301, 1 calls",
        "rag: 31 of 301, 31 calls, 2.0 per second, 2 min 15 s left",
    ]


def test_lines_go_on_while_nothing_is_done():
    clock = Clock()
    lines, written = lines_by(clock)
    lines.tick()
    lines.on_progress("encoding texts", 0, 1000, "")
    for _ in range(4):
        clock.seconds += LINE_S / 2
        lines.tick()
    assert written == [
        f"encoding texts: 0 of 1,000, {passed} elapsed" for passed in ("15 s", "30 s", "45 s", "1 min 00 s")
    ]


def test_every_kind_of_work_begins_with_a_line_and_a_rate_of_its_own():
    clock = Clock()
    lines, written = lines_by(clock)
    lines.on_progress("encoding texts", 500, 1000, "")
    clock.seconds += 60
    lines.on_progress("dpl", 100, 200, "")
    clock.seconds += 60
    lines.on_progress("dpl", 110, 200, "")
    assert written[1:] == ["dpl: 100 of 200", "dpl: 110 of 200, 10.0 per minute, 9 min 00 s left"]


def test_the_last_line_has_the_final_count():
    lines, written = lines_by(Clock())
    lines.on_progress("done at once", 1, 1, "")
    for n_done in (1, 2, 3, 3):
        lines.on_progress("rag", n_done, 3, "")
    assert written == ["rag: 1 of 3", "rag: 3 of 3"]


def test_no_time_left_without_a_basis_and_none_that_the_clock_contradicts():
    clock = Clock()
    lines, written = lines_by(clock)
    lines.on_progress("4 runs", 0, 20, "")
    for n_done in (1, 2, 3):
        clock.seconds += 18
        lines.on_progress("4 runs", n_done, 20, "")
    for _ in range(3):
        clock.seconds += 15
        lines.tick()
    assert written == [
        "4 runs: 1 of 20, 3.3 per minute",
        "4 runs: 2 of 20, 3.3 per minute",
        "4 runs: 3 of 20, 3.3 per minute, 5 min 06 s left",
        "4 runs: 3 of 20, 3.3 per minute, 4 min 51 s left",
        "4 runs: 3 of 20, none finished for 30 s",
        "4 runs: 3 of 20, none finished for 45 s",
    ]


def test_durations():
    assert [duration(seconds) for seconds in (9, 75, 3700)] == ["9 s", "1 min 15 s", "1 h 01 min"]
