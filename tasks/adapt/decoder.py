"""A decoder that rebuilds a text from one vector."""

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel


class Decoder(nn.Module):
    """Names each token of a text from the tokens before it and the text's vector.

    One decoder layer (Vaswani et al. 2017, section 3.1) on learned positions, normalised and activated as in BERT. Its
    first and last layer are the encoder's own token embeddings, which `forward` is given.

    Attention over a single vector has nothing to choose from: its only weight is 1, whatever a token asks for. So the
    cross attention is what is left of it without queries and keys, a linear map of the vector.

    Args:
        words: the token embeddings; their width is the decoder's.
        dimensions: values of the text's vector.
        heads: of the attention to the tokens before; must divide the width.
        max_tokens: of the longest text.
    """

    def __init__(self, words: nn.Embedding, dimensions: int, heads: int, max_tokens: int) -> None:
        super().__init__()
        width, self.heads = words.embedding_dim, heads
        self.places = nn.Embedding(max_tokens, width)
        # As large as the embeddings that they are added to, so that neither drowns the other.
        nn.init.normal_(self.places.weight, std=float(words.weight.detach().std()))
        self.start_norm = nn.LayerNorm(width)
        self.attend, self.join = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.attend_norm = nn.LayerNorm(width)
        self.read, self.read_norm = nn.Linear(dimensions, width), nn.LayerNorm(width)
        self.think = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.think_norm = nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(words.num_embeddings))

    def forward(
        self, vectors: torch.Tensor, given: torch.Tensor, asked: torch.Tensor, words: nn.Embedding
    ) -> torch.Tensor:
        """Scores of what comes next.

        Args:
            vectors: of the texts, [rows, dimensions].
            given: ids of the texts' tokens but the last, [rows, tokens]. Padding stands behind a text, where it is seen
                by padding alone.
            asked: at which of these places the next token is asked for; bool [rows, tokens].
            words: the encoder's token embeddings.

        Returns:
            Logits [places asked for, vocabulary], row by row.
        """
        rows, tokens = given.shape
        state = self.start_norm(words(given) + self.places.weight[:tokens])
        parts = self.attend(state).view(rows, tokens, 3, self.heads, -1).transpose(1, 3)
        queries, keys, values = parts.unbind(2)  # each [rows, heads, tokens, values of a head]
        # The fused forms are slow backwards on CPUs, and on GPUs may add up in another order each time.
        with sdpa_kernel(SDPBackend.MATH):
            seen = nn.functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        state = self.attend_norm(state + self.join(seen.transpose(1, 2).flatten(2)))
        state = self.read_norm(state + self.read(vectors)[:, None])
        state = self.think_norm(state + self.think(state))
        return nn.functional.linear(state[asked], words.weight, self.bias)
