// Charts and flame graphs of the report. Data come from the JSON in #data; texts are set as text, never as HTML.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import flamegraph from "d3-flame-graph";
import { select } from "d3-selection";

const data = JSON.parse(document.getElementById("data").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const ink = dark ? "#c9d1d9" : "#424a53";
const grid = dark ? "#30363d" : "#e6e8eb";
const colours = dark
  ? ["#6cb6ff", "#f69d50", "#6bc46d", "#dcbdfb", "#f47067", "#96d0ff", "#daaa3f", "#8ddb8c"]
  : ["#0969da", "#bc4c00", "#1a7f37", "#8250df", "#cf222e", "#1b7c83", "#9a6700", "#57606a"];
const shades = { search: "rgba(9,105,218,.07)", steady: "rgba(26,127,55,.12)", stacks: "rgba(154,103,0,.10)",
  proof: "rgba(130,80,223,.10)", more_users: "rgba(27,124,131,.10)", warmup: "rgba(87,96,106,.08)" };
const sync = uPlot.sync("time");

function phases(u) {
  const { ctx } = u;
  ctx.save();
  for (const phase of data.charts.phases) {
    const from = Math.max(u.valToPos(phase.start, "x", true), u.bbox.left);
    const to = Math.min(u.valToPos(phase.end, "x", true), u.bbox.left + u.bbox.width);
    if (to > from && shades[phase.name]) {
      ctx.fillStyle = shades[phase.name];
      ctx.fillRect(from, u.bbox.top, to - from, u.bbox.height);
    }
  }
  ctx.restore();
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

const shown = (u, v) => (v == null ? "" : String(+v.toPrecision(4)));

function axis(extra) {
  return { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid }, font: "12px system-ui", ...extra };
}

// On a logarithmic axis only whole powers of ten get a line.
const decades = (u, splits) => splits.map((v) => (Number.isInteger(Math.round(Math.log10(v) * 1e6) / 1e6) ? v : null));
const logarithmic = { size: 58, filter: decades, grid: { stroke: grid, width: 1, filter: decades }, ticks: { stroke: grid, filter: decades } };
const legend = { markers: { width: 0, fill: (u, i) => colours[(i - 1) % colours.length] } };
// Every chart keeps the room of a right axis, so that the same moment lies in the same place in all of them.
const RIGHT = 48;

function timeChart(parent, chart) {
  const figure = element("figure", "chart");
  figure.setAttribute("role", "img");
  figure.setAttribute("aria-label", `${chart.title} in ${chart.unit} over time: ${chart.lines.map((l) => l.name).join(", ")}`);
  figure.append(element("figcaption", "", `${chart.title} (${chart.unit})`));
  parent.append(figure);
  const right = chart.lines.some((line) => line.axis === "right");
  const options = {
    width: figure.clientWidth, height: 180, legend, padding: [8, right ? 0 : RIGHT, 0, 0], cursor: { sync: { key: sync.key } }, hooks: { drawClear: [phases] },
    scales: { x: { time: false }, y: chart.log ? { distr: 3 } : { range: (u, min, max) => [0, (max || 1) * 1.08] },
      right: { range: (u, min, max) => [0, (max || 1) * 1.08] } },
    axes: [axis({ size: 30, values: (u, ticks) => ticks.map((t) => t + " s") }), axis(chart.log ? logarithmic : { size: 58 }),
      ...(right ? [axis({ scale: "right", side: 1, grid: { show: false }, size: RIGHT })] : [])],
    series: [{ label: "time", value: (u, v) => (v == null ? "" : v.toFixed(1) + " s") },
      ...chart.lines.map((line, i) => ({
        label: line.name, stroke: colours[i % colours.length], width: 1.6, spanGaps: false, points: { show: false },
        scale: line.axis === "right" ? "right" : "y", dash: line.axis === "right" ? [5, 4] : undefined,
        value: shown }))],
  };
  const values = chart.lines.map((line) => (chart.log ? line.values.map((v) => (v > 0 ? v : null)) : line.values));
  const plot = new uPlot(options, [data.charts.t, ...values], figure);
  addEventListener("resize", () => plot.setSize({ width: figure.clientWidth, height: 180 }));
}

function levelChart(parent) {
  const levels = data.charts.levels;
  if (levels.length < 2) return;
  const figure = element("figure", "chart");
  figure.setAttribute("role", "img");
  figure.setAttribute("aria-label", "Throughput and median latency against users");
  figure.append(element("figcaption", "", "Throughput and median latency against users"));
  parent.append(figure);
  const plot = new uPlot({
    width: figure.clientWidth, height: 220, legend, scales: { x: { time: false, distr: 3, log: 2 },
      y: { range: (u, min, max) => [0, max * 1.1] }, ms: { range: (u, min, max) => [0, (max || 1) * 1.1] } },
    axes: [axis({ size: 30, values: (u, ticks) => ticks.map((t) => (t >= 1 ? t : null)), label: "users", labelSize: 18, labelFont: "12px system-ui" }),
      axis({ size: 58 }), axis({ scale: "ms", side: 1, grid: { show: false }, size: 68, values: (u, t) => t.map((v) => v + " ms") })],
    series: [{ label: "users", value: (u, v) => (v == null ? "" : String(v)) },
      { label: "requests/s", stroke: colours[0], width: 2, points: { size: 7 }, value: shown },
      { label: "p50 in ms (right axis)", stroke: colours[1], width: 1.6, scale: "ms", dash: [5, 4], points: { size: 5 }, value: shown }],
  }, [levels.map((l) => l.users), levels.map((l) => l.rps), levels.map((l) => l.p50_ms)], figure);
  addEventListener("resize", () => plot.setSize({ width: figure.clientWidth, height: 220 }));
}

function flames(parent) {
  const { graphs, blamed } = data.flames;
  if (!graphs.length) return;
  const pick = element("select");
  pick.setAttribute("aria-label", "process");
  graphs.forEach((graph, i) => {
    const option = element("option", "", `${graph.name}: ${graph.mode} (${graph.samples} samples)`);
    option.value = i;
    pick.append(option);
  });
  const place = element("div", "flame");
  const detail = element("div", "detail", "Click a frame to look closer.");
  parent.append(pick, place, detail);
  const paint = (frame) => {
    const it = frame.data;
    if (blamed && it.name.startsWith(blamed)) return dark ? "#f47067" : "#cf222e";
    if (it.user) return dark ? "#daaa3f" : "#e8912d";
    return dark ? "#444c56" : "#d0d7de";
  };
  const draw = () => {
    place.replaceChildren();
    const chart = flamegraph().width(place.clientWidth).cellHeight(20).minFrameSize(2).inverted(true).sort(true)
      .selfValue(false).transitionDuration(0).setColorMapper(paint).setDetailsElement(detail)
      .label((frame) => `${frame.data.name}: ${((100 * frame.data.value) / graphs[pick.value || 0].root.value).toFixed(1)}%`);
    select(place).datum(graphs[pick.value || 0].root).call(chart);
  };
  pick.addEventListener("change", draw);
  addEventListener("resize", draw);
  draw();
}

const overTime = document.getElementById("over-time");
for (const chart of data.charts.charts) timeChart(overTime, chart);
levelChart(document.getElementById("levels"));
flames(document.getElementById("flames"));
document.documentElement.dataset.drawn = "yes";
