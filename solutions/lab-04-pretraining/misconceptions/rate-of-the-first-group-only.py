"""The rate is set in the first group only."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "Your optimizer has two groups; one of them keeps its old rate.",
    "zh": "优化器有两个参数组，其中一个还是原来的学习率。",
}
FAILS = ["test_accumulation_is_the_full_batch"]
EDIT = ("train_step", "for group in optimizer.param_groups:\n        group", "optimizer.param_groups[0]")
