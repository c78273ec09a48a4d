"""Neighbours by dot product: long vectors win."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "Your neighbours are those with the largest dot product. Long vectors win there, whatever their direction.",
    "zh": "你是按点积找近邻的。点积偏爱长的向量，不管方向如何。",
}
FAILS = [
    "test_neighbours_are_those_of_largest_cosine",
]


def nearest(vectors, word, n=5):
    scores = vectors @ vectors[word]
    scores[word] = -math.inf
    best = scores.topk(n)
    return best.indices, best.values
