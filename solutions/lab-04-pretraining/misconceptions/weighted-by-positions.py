"""Micro-batches are weighted by their positions, padding included."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "You weight micro-batches by their size, but padding is not a target.",
    "zh": "你按微批的大小加权，可填充并不是目标。",
}
FAILS = ["test_accumulation_is_the_full_batch"]
EDIT = (
    "train_step",
    "counted = [int((targets != IGNORE).sum()) for _, targets in micro_batches]",
    "counted = [targets.numel() for _, targets in micro_batches]",
)
