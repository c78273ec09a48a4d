"""Each update takes one batch, whatever `accumulation` says."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "Each of your updates takes one batch, whatever config.accumulation says.",
    "zh": "无论 config.accumulation 是多少，你每次更新都只取一批。",
}
FAILS = ["test_a_resumed_run_is_the_same_to_the_bit"]
EDIT = (
    "train",
    "micro_batches = [batches.next_batch() for _ in range(config.accumulation)]",
    "micro_batches = [batches.next_batch() for _ in range(1)]",
)
