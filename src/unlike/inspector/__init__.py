"""The inspector: pages in the browser over runs, corpora and stores.

``readers`` open what lies on disk, ``store`` reads a store through its memory, ``routes`` answer the pages, and ``pages``
holds the HTML, CSS and JavaScript.
"""
