"""The product a x is computed in 32 bits and overflows."""

NOTEBOOK = "data"
HINT = {
    "en": "a x has up to 62 bits. In int32 it overflows, and the formula's prime no longer means anything.",
    "zh": "a x 最多有 62 位。用 int32 会溢出，公式里的素数就失去意义了。",
}
FAILS = [
    "test_minhash_is_the_minimum_of_each_hash",
]


def minhash(shingles, n_hashes=128, seed=0):
    if not shingles:
        return torch.full((n_hashes,), P)
    a, b = (c.int() for c in coefficients(n_hashes, seed))
    x = torch.tensor([hash31(shingle) for shingle in shingles], dtype=torch.int32)
    return ((a * x[:, None] + b) % P).amin(0).long()
