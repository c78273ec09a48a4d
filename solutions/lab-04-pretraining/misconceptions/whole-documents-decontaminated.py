"""Only training documents that equal a held-out one are taken out."""

NOTEBOOK = "data"
HINT = {
    "en": "You take out what is IN the evaluation set as a whole. Half a page of it inside another document is contamination, too.",
    "zh": "你只拿掉了整篇出现在评测集里的文档。别的文档里夹着半页评测文本，同样是污染。",
}
FAILS = [
    "test_decontaminate_takes_out_shared_runs",
]


def decontaminate(train, held_out, size=13):
    known = {" ".join(units(text)) for text in held_out}
    return [index for index, text in enumerate(train) if not units(text) or " ".join(units(text)) not in known]
