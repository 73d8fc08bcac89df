"""Deploys the backend to a Firebase project: `python -m deploy --help`. Not deployed itself.

It runs Google's own tools, `gcloud` and `firebase`. Every step is idempotent: it checks what exists and adds what is
missing, so a deploy can be interrupted anywhere and run again. The names of all resources it creates begin with `bank`.
"""
