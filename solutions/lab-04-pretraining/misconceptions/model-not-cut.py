"""n_model is ignored: tensor and pipeline parallelism save nothing."""

NOTEBOOK = "parallel"
HINT = {
    "en": "Cutting the model over tensor and pipeline ranks changes nothing in your figures. How many of the parameters does each GPU have?",
    "zh": "模型沿张量和流水线切开之后，你的数字一点没变。每张 GPU 上还有多少参数？",
}
FAILS = ["test_memory_of_the_model_states"]

whole_model_state_bytes = model_state_bytes


def model_state_bytes(n_params, stage=0, n_data=1, n_model=1):
    return whole_model_state_bytes(n_params, stage, n_data)
