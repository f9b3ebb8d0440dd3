"""The linear head of a network: set from a logistic regression."""

import warnings

import numpy as np
import numpy.typing as npt
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from tasks import encoder as encoders
from tasks.compute import Compute
from tasks.finetune import memory
from tasks.network import Classifier
from tasks.progress import Progress, log

_PROBE_TOKENS = 4096
_PROBE_ITERATIONS = 200  # a start for training, which need not be the optimum


def set_head(classifier: Classifier, model: LogisticRegression | LinearDiscriminantAnalysis) -> None:
    """Makes the head give the log-odds of a fitted linear model on the pooled vectors, whose softmax it takes."""
    weight, bias = np.asarray(model.coef_), np.asarray(model.intercept_)
    if len(weight) == 1:  # two classes have one row of weights: the sigmoid of z is the softmax of (0, z)
        weight, bias = np.vstack([np.zeros_like(weight), weight]), np.concatenate([np.zeros_like(bias), bias])
    with torch.no_grad():
        classifier.head.weight.copy_(torch.from_numpy(weight))
        classifier.head.bias.copy_(torch.from_numpy(bias))


def encoder_vectors(
    classifier: Classifier, ids: encoders.Ids, pad_id: int, compute: Compute
) -> npt.NDArray[np.float32]:
    """The pooled vectors of a classifier's encoder as it is now, without any dropout.

    Returns:
        float32 [rows, dimensions].
    """
    progress = Progress("probing the encoder", len(ids))
    classifier.to(compute.device).eval()

    def forward(padded: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        with torch.autocast(compute.device, dtype=torch.bfloat16, enabled=compute.precision == "bfloat16"):
            hidden = classifier.encoder(input_ids=padded, attention_mask=mask).last_hidden_state
        return encoders.pool(hidden.float(), mask, classifier.pooling)

    return memory.run_batched(forward, ids, pad_id, _PROBE_TOKENS, compute.device, progress.update)


def probe(
    classifier: Classifier,
    vectors: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
    seed: int,
    weights: npt.NDArray[np.float64] | None = None,
) -> None:
    """Starts the head as a logistic regression on the untrained encoder's vectors.

    A random head sends large, useless gradients into the encoder at first, which costs what the encoder knows
    (linear probing, then fine-tuning: Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features", section 3).

    Args:
        vectors: float32 [rows, dimensions].
        labels: class numbers [rows], in which every class occurs.
        weights: how much each row counts [rows]; None for all the same, as where training goes on from there.
    """
    regression = LogisticRegression(max_iter=_PROBE_ITERATIONS, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        regression.fit(vectors, labels, sample_weight=weights)
    set_head(classifier, regression)
    log(
        f"the head starts as a logistic regression that is right on {regression.score(vectors, labels):.1%} of its rows"
    )
