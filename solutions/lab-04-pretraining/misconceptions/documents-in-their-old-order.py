"""The corpora are read in their old order, and the seed does nothing."""

NOTEBOOK = "data"
HINT = {
    "en": "The documents come in the order in which they were given, whatever the seed: neighbours in the corpus are neighbours in the mixture.",
    "zh": "文档总是按原来的顺序出现，与种子无关：语料里相邻的，混合后仍然相邻。",
}
FAILS = [
    "test_mix_reads_each_corpus_in_epochs",
]
EDIT = (
    "mix",
    "rng = np.random.default_rng(seed)\n"
    "\n"
    "    def endless(docs: list[list[int]]) -> Iterator[list[int]]:\n"
    "        docs = [tokens for tokens in docs if tokens]\n"
    "        while True:\n"
    "            for index in rng.permutation",
    "def endless(docs):\n"
    "        docs = [tokens for tokens in docs if tokens]\n"
    "        while True:\n"
    "            for index in range",
)
