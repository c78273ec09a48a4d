"""Each pre-token is taken through the whole list of merges."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "You go through the whole list of merges for each word, whether the word has the pair or not.",
    "zh": "每个词你都把整个合并列表走一遍，不管词里有没有那个相邻对。",
}
FAILS = ["test_the_time_of_encoding_does_not_grow_with_merges"]


class Tokenizer(Tokenizer):
    def _encode_word(self, word):
        ids = [self._ids[bytes([byte])] for byte in word]
        for pair, (_, new_id) in self._merges.items():  # in the order of their ranks
            ids = merge_pair(ids, pair, new_id)
        return ids
