"""Reading tables of any size and format, one batch at a time, as columns with the names of this library.

Lines that cannot be used are logged with file, line number and reason. Only too many of them are an error.
"""
