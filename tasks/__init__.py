"""The work: texts and models. Knows nothing about Prefect or DVC."""
