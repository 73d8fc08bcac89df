"""Audit logs: check them, sign them, delete expired ones."""
