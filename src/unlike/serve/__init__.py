"""The service: the user memory over HTTP, for products that call it from any language.

What belongs here: routes that turn requests into calls of ``Memory`` and its answers into JSON or event streams, and
what every public door needs: keys, limits, one shape of errors, metrics, logs. No method, prompt or table is known here.
"""
