"""Puts the backend into a Firebase project: `python -m deploy --help`. Not deployed itself.

It drives Google's own tools, `gcloud` and `firebase`. Every step looks at what is there and adds what is missing, so it
can be repeated, and broken off anywhere. What is made bears names that begin with `bank`.
"""
