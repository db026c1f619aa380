"""The commands."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="erlangen",
    help="Geometry for machine learning: equivariant networks of molecules, with their symmetry measured; the shape of "
    "data.\n\n"
    "Start with: erlangen quickstart",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from erlangen import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error (works anywhere).")] = False,
) -> None:
    """Hold the options of all commands."""


Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of the split and the network.")]

# Written out, because the registry imports torch; a test keeps it equal to erlangen.models.names().
MODELS = "cormorant density dimenet++ egnn mace painn physnet radial_field schnet se3_transformer tensor_field"
Network = Annotated[str, typer.Option(help=f"A network: {MODELS}.")]


@app.command()
def quickstart(
    target: Annotated[str, typer.Option(help="A property of QM9: mu alpha homo lumo gap r2 zpve U0 U H G Cv.")] = "U0",
    budget: Annotated[float, typer.Option(help="Seconds of training.")] = 150.0,
    output: Annotated[Path, typer.Option(help="Folder for metrics.json, report.html and model.erl.")] = Path(
        "quickstart"
    ),
    model: Network = "density",
    n_train: Annotated[int, typer.Option(min=1, help="Molecules to learn from.")] = 110_000,
    n_test: Annotated[int, typer.Option(min=1, help="Molecules to test on.")] = 10_831,
    seed: Seed = 42,
) -> None:
    """Train a network on the real QM9, test it, certify its symmetry, time it and write a report: the main job.

    [bold]Example:[/bold] erlangen quickstart --target gap --budget 60
    """
    from erlangen.cli.quickstart import run

    run(target, budget, output, model, n_train, n_test, seed)


@app.command()
def train(
    data: Annotated[Path | None, typer.Argument(help="extxyz file with targets; by default QM9.")] = None,
    model: Network = "painn",
    target: Annotated[str, typer.Option(help="Which property of the structures.")] = "U0",
    budget: Annotated[
        str | None, typer.Option(help="Seconds, or HH:MM:SS; ten minutes unless --epochs says otherwise.")
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for model.erl, metrics.json and the checkpoint.")] = Path("run"),
    preset: Annotated[
        str | None,
        typer.Option(
            help="small: hyperparameters for two cores. paper: the paper's, and its way of training wherever no option "
            "says otherwise: batch size, rate, epochs, molecules. By default the paper's hyperparameters alone."
        ),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A hyperparameter, e.g. --set hidden=64 --set layers=2.")
    ] = None,
    head: Annotated[str | None, typer.Option(help="graph, node, vector, tensor; by default the model's own.")] = None,
    intensive: Annotated[
        bool, typer.Option("--intensive", help="The target does not grow with the structure; known for QM9.")
    ] = False,
    n_train: Annotated[int | None, typer.Option(min=1, help="QM9: molecules to learn from; 110,000.")] = None,
    n_valid: Annotated[int | None, typer.Option(min=0, help="QM9: molecules to watch; 1,000.")] = None,
    n_test: Annotated[int, typer.Option(min=0, help="QM9: molecules to test on.")] = 10_000,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Budget in passes over the data: the same run every time.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Structures a step, over all devices; 64.")] = None,
    optimizer: Annotated[str, typer.Option(help="adamw or muon.")] = "adamw",
    learning_rate: Annotated[float | None, typer.Option(help="By default the optimizer's own.")] = None,
    ema: Annotated[float | None, typer.Option(help="Decay of a running average of the weights, e.g. 0.999.")] = None,
    patience: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many validations without a better one.")
    ] = None,
    validate_every: Annotated[
        int | None, typer.Option(min=1, help="Steps between validations; by default an epoch.")
    ] = None,
    devices: Annotated[int, typer.Option(min=1, help="Processes on this machine.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in the output folder.")] = False,
    seed: Seed = 42,
) -> None:
    """Train a network and keep it in one file.

    [bold]Examples:[/bold] erlangen train --model schnet --target gap --budget 00:05:00 --output gap

    erlangen train molecules.extxyz --target energy --model painn --set hidden=64

    erlangen train --model schnet --preset paper --output schnet  (as its authors do: days)

    torchrun --nproc-per-node 2 -m erlangen train --model schnet --preset paper --output schnet
    """
    from erlangen.cli.train import run

    run(**{name: value for name, value in locals().items() if name != "run"})


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="A model file, e.g. quickstart/model.erl.")],
    files: Annotated[list[Path], typer.Argument(help="Structures: xyz, extxyz, sdf, cif, pdb.")],
    output: Annotated[Path | None, typer.Option(help="CSV file; by default a table on the screen.")] = None,
) -> None:
    """Predict the target of every structure in some files.

    [bold]Example:[/bold] erlangen predict quickstart/model.erl molecules.xyz --output predicted.csv
    """
    from erlangen.cli.predict import run

    run(model, files, output)


@app.command()
def certify(
    model: Annotated[Path | None, typer.Argument(help="A model file, e.g. quickstart/model.erl.")] = None,
    blueprint: Annotated[
        bool, typer.Option("--blueprint", help="Instead of a model: every family of networks, and where it breaks.")
    ] = False,
    samples: Annotated[
        int | None, typer.Option(min=1, help="Group elements and inputs to try; 64, or 16 for the blueprint.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    output: Annotated[
        Path | None, typer.Option(help="JSON file; by default MODEL.certificate.json, none for the blueprint.")
    ] = None,
) -> None:
    """Measure the symmetry that a model declares, print and write the certificate; exit status 1 if it does not hold.

    [bold]Examples:[/bold] erlangen certify quickstart/model.erl

    erlangen certify --blueprint
    """
    from erlangen.cli.certify import run, run_blueprint

    if blueprint:
        run_blueprint(model, samples or 16, seed, output)
    else:
        run(model, samples or 64, seed, output)


@app.command()
def features(
    smiles: Annotated[str, typer.Argument(help="A molecule, e.g. 'CN1C=NC2=C1C(=O)N(C(=O)N2C)C'.")],
    hydrogens: Annotated[bool, typer.Option("--hydrogens", help="Hydrogens as atoms of their own.")] = False,
) -> None:
    """Print the molecular graph of a SMILES: features of its atoms and bonds.

    [bold]Example:[/bold] erlangen features "CCO"
    """
    from erlangen.structures import molecular_graph

    typer.echo(str(molecular_graph(smiles, hydrogens=hydrogens)))


@app.command()
def topology(
    file: Annotated[Path, typer.Argument(help="csv, tsv, txt, parquet, npy, npz, png, jpg, tif, xyz, cif, pdb, sdf.")],
    kind: Annotated[
        str,
        typer.Option(
            help="points, distances, image, series or structure. auto: pictures and arrays with three axes or more are "
            "images, a single column is a series, a symmetric square with zeros on its diagonal or a sparse matrix is "
            "distances, atoms are a structure, anything else is points, a row each."
        ),
    ] = "auto",
    output: Annotated[Path, typer.Option(help="Folder for report.html, diagrams.csv and result.json.")] = Path(
        "topology"
    ),
    max_dimension: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Highest homology: 0 components, 1 loops, 2 voids. By default 2 for three coordinates or more, "
            "else 1; of images all there are.",
        ),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Distances to look at; by default up to where nothing changes.")
    ] = None,
    n_points: Annotated[
        int, typer.Option(min=1, help="Of more points, so many are taken, far from each other and near to all.")
    ] = 1000,
    metric: Annotated[
        str, typer.Option(help="Of points, any of scikit-learn's, e.g. manhattan, cosine.")
    ] = "euclidean",
    columns: Annotated[str, typer.Option(help="Of a table, by name or number from 0, e.g. x,y,z.")] = "",
    part: Annotated[
        str | None, typer.Option(help="Of several structures or arrays: a number from 0, or a name in an npz file.")
    ] = None,
    delay: Annotated[
        int | None, typer.Option(min=1, help="Series: samples between the coordinates of a point; found if not given.")
    ] = None,
    dimension: Annotated[
        int | None, typer.Option(min=1, help="Series: coordinates of a point; found if not given.")
    ] = None,
    stride: Annotated[int, typer.Option(min=1, help="Series: samples between two points.")] = 1,
    periodic: Annotated[
        bool, typer.Option("--periodic", help="An image goes on at its other side; a structure's cell repeats.")
    ] = False,
    invert: Annotated[
        bool, typer.Option("--invert", help="Images: from the largest value down, for bright things on dark ground.")
    ] = False,
) -> None:
    """Find components, loops and voids in data: persistence diagrams, cycles drawn on the points, and a report.

    [bold]Examples:[/bold] erlangen topology points.csv

    erlangen topology voltage.csv --columns volt --delay 10 --dimension 3

    erlangen topology cells.png --invert

    erlangen topology silica.cif --periodic --max-dimension 2
    """
    from erlangen.cli.topology import run

    given = {name: value for name, value in locals().items() if name != "run"}
    given["file"] = str(file)
    given["threshold"] = float("inf") if threshold is None else threshold
    given["columns"] = tuple(name.strip() for name in columns.split(",") if name.strip())
    run(**given)
