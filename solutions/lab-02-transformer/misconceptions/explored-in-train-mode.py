"""The model runs in the mode it is in, so that BatchNorm learns from the inputs."""

NOTEBOOK = "explore"
HINT = {
    "en": "You run the model in train mode: dropout is on, and BatchNorm takes your inputs into its statistics.",
    "zh": "你在 train 模式下运行模型：dropout 会生效，BatchNorm 也会把你的输入算进统计量。",
}
FAILS = [
    "test_the_model_is_left_as_it_was",
]
EDIT = ("explore", "model.eval()(inputs, **options)", "model(inputs, **options)")
