"""The idle time is divided by the time of the work, not by the whole time."""

NOTEBOOK = "parallel"
HINT = {
    "en": "You divide the waiting by the work, (p - 1) / m. The question is which share of the whole time it is.",
    "zh": "你用等待时间除以干活时间，即 (p - 1) / m。要问的是它占全部时间的多少。",
}
FAILS = ["test_communication_and_time"]
EDIT = ("pipeline_idle", "return (n_stages - 1) / (n_micro + n_stages - 1)", "return (n_stages - 1) / n_micro")
