"""The real `serve`, but with an engine that is slow to load, cannot load, or dies of one request.

Neither happens by itself in a healthy process, and the server must live with all of them.
"""

import sys
import time
from typing import Any

from object2vec.inference.predictor import Predictor
from object2vec_container.serving.serve import main

MODE = sys.argv[1]
warm_up, answer = Predictor.warm_up, Predictor.answer


def warm_up_slowly(self: Predictor) -> None:
    if MODE == "fail":
        raise MemoryError("no memory for the network")
    if MODE == "load":
        time.sleep(1.5)
    warm_up(self)


def die_of_a_token(self: Predictor, side: int | None, *rows: Any) -> Any:
    if MODE == "die" and rows[0].values.tolist() == [11, 11, 11]:
        raise SystemExit("the engine is gone")
    return answer(self, side, *rows)


Predictor.warm_up = warm_up_slowly  # type: ignore[method-assign]
Predictor.answer = die_of_a_token  # type: ignore[method-assign]
sys.exit(main([]))
