"""The orchestration: knows Prefect and DVC, nothing about text."""
