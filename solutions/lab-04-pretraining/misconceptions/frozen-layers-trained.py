"""All parameters are trained, the frozen ones too."""

NOTEBOOK = "continued"
HINT = {
    "en": "You train parameters that are frozen. They should stay as they are.",
    "zh": "你把冻结的参数也训练了。冻结就是要它保持原样。",
}
FAILS = ["test_the_updates_are_those_asked_for"]
EDIT = (
    "continue_pretraining",
    "trained = [parameter for parameter in model.parameters() if parameter.requires_grad]",
    "model.requires_grad_(True)\n"
    "    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]",
)
