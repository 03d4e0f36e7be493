// Lines over the run's time, the phases shaded behind them; one cursor for all charts.
import uPlot from "uplot";
import { axis, figure, fromZero, keep, legend, line, paint, shown, theme } from "./paper.js";

const sync = uPlot.sync("time");
const HEIGHT = { load: 190, services: 150 };
const LEFT = 56;
const RIGHT = 46;
const FIRST = ["breakpoint", "steps", "before", "after"];
const PHASES = { search: "search", breakpoint: "breakpoint", steps: "steps", before: "before", after: "after", more_users: "more users", steady: "measured", stacks: "stacks", proof: "proof" };

// On a logarithmic axis powers of ten get a line; where it shows less than two decades, their 2 and 5 fold as well.
const decades = (u, splits) => {
  const wanted = Math.log10(u.scales.y.max / u.scales.y.min) < 2 ? [1, 2, 5] : [1];
  return splits.map((v) => (wanted.includes(+(v / 10 ** Math.floor(Math.log10(v) + 1e-9)).toPrecision(3)) ? v : null));
};

// uPlot counts its lines from the lower end: that has to be a round number, else none of them is.
const around = (u, min, max) => {
  const power = 10 ** Math.floor(Math.log10(min * 0.85));
  return [+(Math.floor((min * 0.85) / power) * power).toPrecision(3), max * 1.25];
};

function shade(u, charts, named) {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio || 1;
  ctx.save();
  ctx.font = `${11 * ratio}px system-ui`;
  for (const phase of charts.phases) {
    const from = Math.max(u.valToPos(phase.start, "x", true), bbox.left);
    const to = Math.min(u.valToPos(phase.end, "x", true), bbox.left + bbox.width);
    const colour = theme()[FIRST.includes(phase.name) ? "search" : phase.name];
    if (to <= from || !colour) continue;
    ctx.fillStyle = colour;
    ctx.fillRect(from, bbox.top, to - from, bbox.height);
    const name = PHASES[phase.name];
    if (named && name && ctx.measureText(name).width < to - from - 8 * ratio) {
      ctx.fillStyle = theme().ink;
      ctx.textAlign = "left";
      ctx.textBaseline = "top";
      ctx.fillText(name, from + 5 * ratio, bbox.top + 4 * ratio);
    }
  }
  ctx.restore();
}

function marks(u, charts) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.strokeStyle = theme().bad;
  ctx.setLineDash([4, 4]);
  for (const mark of charts.marks) {
    const x = Math.round(u.valToPos(mark.t, "x", true)) + 0.5;
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

function inWords(chart) {
  const lines = chart.lines.map((each) => {
    const seen = each.values.filter((v) => v != null);
    return `${each.name} ${seen.length ? `from ${Math.min(...seen)} to ${Math.max(...seen)}` : "unknown"}`;
  });
  return `${chart.title} in ${chart.unit} over time: ${lines.join("; ")}`;
}

export function timeChart(parent, chart, charts) {
  const place = figure(parent, `${chart.title} (${chart.unit})`, inWords(chart));
  const right = chart.lines.some((each) => each.axis === "right");
  const load = parent.id === "over-time";
  const height = load ? HEIGHT.load : HEIGHT.services;
  // A service has one colour in all charts.
  const colours = chart.lines.map((each, i) => each.colour ?? i);
  const only = { filter: decades };
  const options = {
    width: place.clientWidth, height, legend,
    // Every chart of a column keeps the room of a right axis, so that a moment lies in the same place in all of them.
    padding: [8, right ? 0 : load ? RIGHT : 12, 0, 0],
    cursor: { sync: { key: sync.key, scales: ["x", null] } },
    hooks: { drawClear: [(u) => shade(u, charts, load)], draw: [(u) => marks(u, charts)] },
    scales: {
      x: { time: false, range: (u, min, max) => (min === chart.t[0] && max === chart.t.at(-1) ? [0, charts.end] : [min, max]) },
      y: chart.log ? { distr: 3, range: around } : { range: fromZero },
      right: { range: fromZero },
    },
    axes: [
      axis({ size: 28, space: 56, values: (u, ticks) => ticks.map((t) => `${t} s`) }),
      axis(chart.log ? { size: LEFT, ...only, grid: only, ticks: only } : { size: LEFT }),
      ...(right ? [axis({ scale: "right", side: 1, grid: { show: false }, size: RIGHT })] : []),
    ],
    series: [
      { label: "time", value: (u, v) => (v == null ? "" : `${v.toFixed(1)} s`) },
      ...chart.lines.map((each, i) => ({
        label: each.name, stroke: () => line(colours[i]), width: 1.6, spanGaps: false, points: { show: false },
        value: shown, scale: each.axis === "right" ? "right" : "y", dash: each.axis === "right" ? [5, 4] : undefined,
      })),
    ],
  };
  const values = chart.lines.map((each) => (chart.log ? each.values.map((v) => (v > 0 ? v : null)) : each.values));
  const plot = new uPlot(options, [chart.t, ...values], place);
  paint(plot, colours);
  keep(place, (width) => { plot.setSize({ width, height }); plot.redraw(false, true); paint(plot, colours); });
}
