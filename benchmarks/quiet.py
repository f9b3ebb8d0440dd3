"""How the trainers of other libraries are kept to training: on the CPU, without files, notes or lines of their own."""

from typing import Any

QUIET: dict[str, Any] = {
    "save_strategy": "no",
    "logging_strategy": "no",
    "report_to": "none",
    "disable_tqdm": True,
    "use_cpu": True,
    "dataloader_pin_memory": False,  # which warns where there is no GPU
}
"""Of transformers' `TrainingArguments` and of what is derived from them."""
