"""What the second expert says overwrites what the first has said, instead of being added."""

NOTEBOOK = "architectures"
HINT = {
    "en": "An expert that comes later overwrites what an earlier one wrote for the same token.",
    "zh": "后面的专家把前面的专家为同一个 token 写下的结果覆盖掉了。",
}
FAILS = [
    "test_output_is_the_weighted_sum_of_the_chosen",
    "test_gradients_reach_router_and_experts",
    "test_mixtral_agrees_with_hugging_face",
]
EDIT = ("MoELayer.forward", "index_add", "index_copy")
