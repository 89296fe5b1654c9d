"""The inspector: pages in the browser over runs, corpora and stores.

``readers`` read run and corpus folders, ``store`` reads a store through its memory, ``routes`` answer the pages, and
``pages`` has the HTML, CSS and JavaScript.
"""
