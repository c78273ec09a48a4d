"""The model is not put into train mode."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "After a look at samples or at held-out text the model is in eval mode, and your update leaves it there: no dropout any more.",
    "zh": "看过样本或测过留出文本之后，模型处在 eval 模式，而你的更新没有把它切回来：dropout 从此失效。",
}
FAILS = ["test_accumulation_is_the_full_batch"]
EDIT = ("train_step", "    model.train()\n", "")
