"""The options of `loadlab run`, in the order of its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

WAY, LOAD, LOOK, OUT = "Which system", "How it is loaded", "How it is watched", "Where figures go while it runs"

System = Annotated[
    str | None,
    typer.Argument(help="A sample's name, a folder with a loadlab.toml, or such a file.", show_default=False),
]
Attach = Annotated[
    int | None,
    typer.Option(
        min=1, max=65535, metavar="PORT", help="A service that already runs here, by its port.", rich_help_panel=WAY
    ),
]
Pid = Annotated[int | None, typer.Option(min=1, help="The same, by its process id.", rich_help_panel=WAY)]
Url = Annotated[
    str | None, typer.Option(help="Only an address: loaded, but nothing of it is watched.", rich_help_panel=WAY)
]
Command = Annotated[
    str | None,
    typer.Option(help="Start this and stop it afterwards; {port} becomes a free port.", rich_help_panel=WAY),
]
Path_ = Annotated[str | None, typer.Option("--path", metavar="/PATH", help="What users ask for.", rich_help_panel=LOAD)]
Locustfile = Annotated[Path | None, typer.Option(help="Users written for Locust instead.", rich_help_panel=LOAD)]
Processes = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=64,
        metavar="N",
        help="Processes of the load generator, where one core is too few for it.",
        rich_help_panel=LOAD,
    ),
]
Workers = Annotated[
    int,
    typer.Option(min=0, max=512, metavar="N", help="Load from N `loadlab worker`s instead.", rich_help_panel=LOAD),
]
Bind = Annotated[
    str,
    typer.Option(metavar="ADDRESS[:PORT]", help="Where workers join this run.", rich_help_panel=LOAD),
]
Think = Annotated[
    float | None,
    typer.Option(min=0, metavar="SECONDS", help="Pause of a user between two requests.", rich_help_panel=LOAD),
]
ProfileName = Annotated[
    str | None,
    typer.Option(
        "--profile",
        help="ramp, steps, spike, breakpoint, open, soak, ci, ..., or a file of yours.",
        rich_help_panel=LOAD,
    ),
]
Users = Annotated[int | None, typer.Option(min=1, help="At most so many users.", rich_help_panel=LOAD)]
Duration = Annotated[
    float | None, typer.Option(min=5, metavar="SECONDS", help="How long, all in all.", rich_help_panel=LOAD)
]
Prove = Annotated[
    bool | None,
    typer.Option(
        "--prove/--no-prove",
        help="Slow suspects a little, to see which one matters: --prove attached ones too, --no-prove none. "
        "Default: those that loadlab started.",
        show_default=False,
        rich_help_panel=LOOK,
    ),
]
TryRemedy = Annotated[
    bool,
    typer.Option(
        "--try-remedy",
        help="Afterwards apply what the verdict advises to a second copy of the system, and measure both by turns: "
        "what was predicted, what it brought. About 40 s more.",
        rich_help_panel=LOOK,
    ),
]
NoStacks = Annotated[
    bool, typer.Option("--no-stacks", help="Leave stacks alone: no py-spy, no line to blame.", rich_help_panel=LOOK)
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A key of the system's file, given another value for this run: app.instances=4, load.path=/health. "
        "Once for each. With --command the service is app.",
        rich_help_panel=WAY,
    ),
]
Setup = Annotated[bool, typer.Option("--setup", help="Run the setup commands of services again.", rich_help_panel=WAY)]
Csv = Annotated[
    Path | None,
    typer.Option("--csv", metavar="FILE", help="A row for each endpoint and second.", rich_help_panel=OUT),
]
Metrics = Annotated[
    int | None,
    typer.Option(
        "--metrics",
        min=0,
        max=65535,
        metavar="PORT",
        help="For Prometheus: http://127.0.0.1:PORT/metrics, on loopback only; 0 takes a free port.",
        rich_help_panel=OUT,
    ),
]
Otel = Annotated[
    bool,
    typer.Option(
        "--otel", help="OpenTelemetry: pushed to OTEL_EXPORTER_OTLP_ENDPOINT as OTLP over HTTP.", rich_help_panel=OUT
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress; of the result only the sentence.")]
