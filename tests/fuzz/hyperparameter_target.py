"""The parser of hyperparameters, from the bytes of hyperparameters.json."""

from tests.fuzz.inputs import AWKWARD, scratch_folder

from object2vec.hyperparameters import Hyperparameters
from object2vec_container.environment import Environment
from object2vec_container.ml_folder import MLFolder


class HyperparameterTarget:
    """Reads a job's file; what is taken must read back as itself."""

    def __init__(self) -> None:
        self._folder = MLFolder(scratch_folder("hyperparameters"))
        self._folder.hyperparameters_file.parent.mkdir(parents=True)
        (self._folder.data_folder / "train").mkdir(parents=True)

    def __call__(self, data: bytes) -> None:
        """Read the file that `data` is."""
        self._folder.hyperparameters_file.write_bytes(data)
        strings = Environment.read(self._folder).hyperparameters
        read = Hyperparameters.from_strings(strings)
        assert Hyperparameters.from_strings(read.as_strings()) == read


def seeds() -> dict[str, bytes]:
    """Return files to begin with, by a name each."""
    least = b'"enc0_max_seq_len": "3", "enc0_vocab_size": "50"'
    begin = b"{" + least + b', "'
    return {
        "least": b"{" + least + b"}",
        "numbers": b'{"enc0_max_seq_len": 3.0, "enc0_vocab_size": 5e1, "dropout": 0.5,'
        b' "epochs": 2, "tied_token_embedding_weight": true}',
        "quoted": b"{" + least + b', "optimizer": "\\"sgd\\"", "_seed": "1", "_tuning": ""}',
        "second": b"{" + least + b', "enc0_network": "bilstm", "enc1_network": "hcnn",'
        b' "enc1_max_seq_len": "4", "enc1_vocab_size": "9", "enc1_layers": "auto"}',
        "list": b"{" + least + b', "comparator_list": "[\\"hadamard\\", \\"concat\\"]",'
        b' "enc0_vocab_file": "a.json", "enc0_pretrained_embedding_file": "b.txt"}',
        "unknown": b"{" + least + b', "enc0_vocab_sice": "\\ud800\\n", "mini_batch_size": "x"}',
    } | {
        f"{field}_{name}_{len(quote)}": b"".join(
            (begin, field.encode(), b'": ', quote, value, quote, b"}")
        )
        for field in ("comparator_list", "epochs", "learning_rate", "unknown")
        for name, value in AWKWARD.items()
        if b'"' not in value
        for quote in (b"", b'"')
    }
