"""The one table of every hyperparameter: name, kind, default, condition, tuning range, one line.

Checking, the documentation and the CreateAlgorithm JSON are all made from it. Names, ranges and
defaults are the built-in algorithm's; where its documentation and its SDK differ, the wider holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from object2vec.value_kinds import Choice, FileName, Flag, ItemList, Kind, Real, Text, Whole

Group = Literal["enc0", "enc1", "comparator", "training", "data", "additional", "internal"]

SIDES = ("enc0", "enc1")
NETWORKS = ("hcnn", "bilstm", "pooled_embedding")
COMPARATORS = ("hadamard", "concat", "abs_diff")
ROW_SPARSE_OPTIMIZERS = ("sgd", "adagrad", "adam")
KVSTORES = (
    *("auto_gpu", "auto_cpu", "local", "device", "nccl", "dist", "dist_sync", "dist_async"),
    *("dist_sync_device", "dist_async_device", "dist_device_sync", "dist_device_async"),
)
LARGEST_SEED = 2**31 - 1  # the engine takes a C int


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """One line of the table.

    Attributes:
        name: The name as a job sends it.
        group: Where the documentation lists it.
        kind: What values it takes.
        default: The string that stands for a missing value; None where there is none.
        summary: What it does, in one line.
        tuning: The recommended tuning range as printed, both bounds or the words of a choice;
            empty for what is not tunable.
        condition: When the name matters or is required, or an empty string.
    """

    name: str
    group: Group
    kind: Kind
    default: str | None
    summary: str
    tuning: tuple[str, ...] = ()
    condition: str = ""

    @property
    def is_required(self) -> bool:
        """Whether every job must give it."""
        return self.default is None and not self.condition


def _encoder(side: Literal["enc0", "enc1"]) -> tuple[Hyperparameter, ...]:
    """Return the nine hyperparameters of one encoder."""
    second = side == "enc1"
    default_network = "enc0" if second else "hcnn"
    required = "required unless enc1_network is enc0" if second else ""
    networks = ("enc0", *NETWORKS) if second else NETWORKS
    network_summary = f"Network of encoder {side}" + (
        "; enc0: the same network and the same values as enc0, weights of its own."
        if second
        else "."
    )
    return (
        Hyperparameter(
            f"{side}_max_seq_len",
            side,
            Whole(1, 5000),
            None,
            f"Longest sequence that encoder {side} takes; a longer one is cut to its first tokens.",
            condition=required,
        ),
        Hyperparameter(
            f"{side}_vocab_size",
            side,
            Whole(2, 3_000_000),
            None,
            f"Number of token ids of encoder {side}; every id is below it.",
            condition=required,
        ),
        Hyperparameter(f"{side}_network", side, Choice(networks), default_network, network_summary),
        Hyperparameter(
            f"{side}_layers",
            side,
            Whole(1, 4, word="auto"),
            "auto",
            f"Layers of the network of encoder {side}; auto: 4 for hcnn, 1 for bilstm.",
            ("1", "4"),
            "only under hcnn and bilstm",
        ),
        Hyperparameter(
            f"{side}_cnn_filter_width",
            side,
            Whole(1, 9),
            "3",
            f"Tokens that one filter of the hcnn of encoder {side} sees.",
            ("1", "5"),
            "only under hcnn",
        ),
        Hyperparameter(
            f"{side}_token_embedding_dim",
            side,
            Whole(2, 1000),
            "300",
            f"Width of the token vectors of encoder {side}; enc_dim under pooled_embedding.",
            ("5", "300"),
            "only under hcnn and bilstm",
        ),
        Hyperparameter(
            f"{side}_vocab_file",
            side,
            FileName(),
            "",
            f"File of the auxiliary channel: JSON object from token to id for encoder {side}.",
        ),
        Hyperparameter(
            f"{side}_pretrained_embedding_file",
            side,
            FileName(),
            "",
            f"File of the auxiliary channel with token vectors (GloVe text) for encoder {side}.",
            condition=f"needs {side}_vocab_file",
        ),
        Hyperparameter(
            f"{side}_freeze_pretrained_embedding",
            side,
            Flag(),
            "True",
            f"Whether training leaves the token vectors of encoder {side} as the file gives them.",
            condition=f"only with {side}_pretrained_embedding_file",
        ),
    )


_DOCUMENTED = (
    *_encoder("enc0"),
    *_encoder("enc1"),
    Hyperparameter(
        "enc_dim",
        "comparator",
        Whole(4, 10_000),
        "4096",
        "Width of what both encoders put out.",
        ("4", "4096"),
    ),
    Hyperparameter(
        "comparator_list",
        "comparator",
        ItemList(COMPARATORS),
        "hadamard, concat, abs_diff",
        "How the two encodings are compared; the items' results are joined in this order.",
    ),
    Hyperparameter(
        "mlp_layers",
        "comparator",
        Whole(0, 10),
        "2",
        "Layers between the comparison and the output layer.",
        ("1", "4"),
    ),
    Hyperparameter(
        "mlp_dim",
        "comparator",
        Whole(2, 10_000),
        "512",
        "Width of each of these layers.",
        ("16", "1024"),
    ),
    Hyperparameter(
        "mlp_activation",
        "comparator",
        Choice(("tanh", "relu", "linear")),
        "linear",
        "Activation after each of these layers.",
        ("tanh", "relu", "linear"),
    ),
    Hyperparameter(
        "output_layer",
        "comparator",
        Choice(("softmax", "mean_squared_error")),
        "softmax",
        "softmax: classes, trained by cross-entropy; mean_squared_error: a score.",
    ),
    Hyperparameter(
        "num_classes",
        "comparator",
        Whole(2, 30),
        "2",
        "Number of classes; labels are 0 to num_classes - 1.",
        condition="only under softmax",
    ),
    Hyperparameter(
        "tied_token_embedding_weight",
        "comparator",
        Flag(),
        "False",
        "Whether both encoders share one table of token vectors.",
    ),
    Hyperparameter(
        "token_embedding_storage_type",
        "comparator",
        Choice(("dense", "row_sparse")),
        "dense",
        "row_sparse: a step updates only the token vectors that its batch holds.",
    ),
    Hyperparameter(
        "dropout",
        "training",
        Real("0.0", "1.0"),
        "0.0",
        "Share of values set to zero in the network's layers while training.",
        ("0.0", "1.0"),
    ),
    Hyperparameter(
        "early_stopping_patience",
        "training",
        Whole(1, 5),
        "3",
        "Epochs without improvement that are allowed before training stops early.",
        ("1", "5"),
    ),
    Hyperparameter(
        "early_stopping_tolerance",
        "training",
        Real("0.000001", "0.1"),
        "0.01",
        "Fall of the loss (absolute) that an epoch needs to count as an improvement.",
        ("0.001", "0.1"),
    ),
    Hyperparameter(
        "epochs",
        "training",
        Whole(1, 100),
        "30",
        "Largest number of passes over the train channel.",
        ("4", "20"),
    ),
    Hyperparameter(
        "learning_rate",
        "training",
        Real("0.000001", "1.0"),
        "0.0004",
        "Size of the optimizer's steps.",
        ("0.000001", "1.0"),
    ),
    Hyperparameter(
        "mini_batch_size",
        "training",
        Whole(1, 10_000),
        "32",
        "Records in one step.",
        ("1", "8192"),
    ),
    Hyperparameter(
        "optimizer",
        "training",
        Choice(("adadelta", "adagrad", "adam", "sgd", "rmsprop")),
        "adam",
        "The rule of the weights' updates.",
        ("adagrad", "adam", "rmsprop", "sgd", "adadelta"),
    ),
    Hyperparameter(
        "weight_decay",
        "training",
        Real("0.0", "10000.0"),
        "0.0",
        "Strength of the pull of the weights towards zero.",
        ("0.0", "1.0"),
    ),
    Hyperparameter(
        "bucket_width",
        "data",
        Whole(0, 100),
        "0",
        "Step of the lengths by which records are put together in batches; 0: no such buckets.",
    ),
    Hyperparameter(
        "negative_sampling_rate",
        "data",
        Whole(0, None),
        "0",
        "Negative records made for each record of the train channel; 0: none.",
    ),
)

_ADDITIONAL = (
    Hyperparameter(
        "padding_id",
        "additional",
        Whole(0, 2_999_999, word="none"),
        "0",
        "The token id that counts as nothing; none: every id is a token.",
    ),
    Hyperparameter(
        "seed",
        "additional",
        Whole(0, LARGEST_SEED, word="random"),
        "random",
        "Start of every random draw; random: the job draws one and logs it.",
    ),
    Hyperparameter(
        "weight_averaging",
        "additional",
        Flag(),
        "True",
        "Judge and keep an epoch by its weights' mean over its second half; False: by its last.",
    ),
)

_INTERNAL = (
    Hyperparameter(
        "_num_gpus",
        "internal",
        Whole(0, None, word="auto"),
        "auto",
        "GPUs to use; auto: all that there are.",
    ),
    Hyperparameter(
        "_num_kv_servers",
        "internal",
        Whole(0, None, word="auto"),
        "auto",
        "Servers of the key-value store of several hosts; auto or 0: one a host.",
    ),
    Hyperparameter(
        "_kvstore",
        "internal",
        Choice(KVSTORES),
        "auto_gpu",
        "How several hosts join gradients: dist_async* each in its own steps, all else in common.",
    ),
    Hyperparameter(
        "_tuning_objective_metric",
        "internal",
        Text(),
        "",
        "The tuning job's objective; a tuning job sends it, nothing depends on it.",
    ),
)

HYPERPARAMETERS: Mapping[str, Hyperparameter] = MappingProxyType(
    {line.name: line for line in (*_DOCUMENTED, *_ADDITIONAL, *_INTERNAL)}
)
ENCODER_PARTS = tuple(
    name.removeprefix("enc0_") for name in HYPERPARAMETERS if name.startswith("enc0_")
)


def default_strings() -> dict[str, str]:
    """Return the strings that stand for missing values; names without a default are left out."""
    return {
        line.name: line.default for line in HYPERPARAMETERS.values() if line.default is not None
    }
