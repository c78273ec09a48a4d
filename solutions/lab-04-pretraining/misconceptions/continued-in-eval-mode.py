"""The model is trained in the mode in which it comes."""

NOTEBOOK = "continued"
HINT = {
    "en": "Your model is trained in the mode in which it comes. Loaded models come in eval mode: no dropout.",
    "zh": "模型来的时候是什么模式，你就用什么模式训练。刚载入的模型处在 eval 模式：没有 dropout。",
}
FAILS = ["test_the_updates_are_those_asked_for"]
EDIT = (
    "continue_pretraining",
    "        model.train()  # in each step: after_step may look at the model in eval mode\n",
    "",
)
