"""Errors that a user can cause."""

import pickle

from tasks.errors import BadInput
from tasks.finetune.memory import TooLittleMemory, too_little


def test_a_process_can_hand_an_error_on_to_another() -> None:
    for error in (BadInput("a.csv", "a column text", "none", "Name it."), too_little("a row")):
        handed = pickle.loads(pickle.dumps(error))
        assert (type(handed), str(handed), handed.where) == (type(error), str(error), error.where)
    assert isinstance(handed, TooLittleMemory)
