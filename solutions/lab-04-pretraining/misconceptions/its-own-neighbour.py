"""The word itself is its nearest neighbour."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "The nearest neighbour you find is the word itself.",
    "zh": "你找到的最近邻就是这个词自己。",
}
FAILS = [
    "test_neighbours_are_those_of_largest_cosine",
]


def nearest(vectors, word, n=5):
    best = F.cosine_similarity(vectors, vectors[word], dim=-1).topk(n)
    return best.indices, best.values
