"""Reading tables of any size and format, one batch at a time, as columns with the names of this library.

Lines that cannot be used are set apart with file, line number and reason; they never stop the reading and never
disappear.
"""
