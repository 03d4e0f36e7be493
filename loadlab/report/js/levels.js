// Throughput and median latency against the number of users, with the knee.
import uPlot from "uplot";
import { axis, figure, fromZero, keep, legend, line, paint, shown, theme } from "./paper.js";

const HEIGHT = 230;

function markKnee(u, knee) {
  if (!knee) return;
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio || 1;
  const x = Math.round(u.valToPos(knee, "x", true)) + 0.5;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = theme().bad;
  ctx.lineWidth = 1.5 * ratio;
  ctx.setLineDash([5 * ratio, 4 * ratio]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.font = `600 ${12 * ratio}px system-ui`;
  ctx.textBaseline = "top";
  const late = x > bbox.left + bbox.width * 0.7;
  ctx.textAlign = late ? "right" : "left";
  ctx.fillText(`knee: ${knee} ${knee === 1 ? "user" : "users"}`, x + (late ? -6 : 6) * ratio, bbox.top + bbox.height * 0.45);
  ctx.restore();
}

export function levelChart(parent, charts) {
  const levels = charts.levels;
  // In the open model a level is a rate that was asked for.
  const unit = levels.some((l) => l.rate) ? "arrivals/s asked for" : "users";
  const at = levels.map((l) => l.rate ?? l.users);
  const says = `Throughput against ${unit}: ${levels.map((l, i) => `${at[i]} ${unit} ${l.rps} requests/s`).join("; ")}`;
  const place = figure(parent, `Requests/s, and median latency, by ${unit}`, says);
  const narrow = place.clientWidth < 500;
  const plot = new uPlot({
    width: place.clientWidth, height: HEIGHT, legend, hooks: { draw: [(u) => markKnee(u, charts.knee)] },
    scales: { x: { time: false, distr: 3, log: 2 }, y: { range: fromZero }, ms: { range: fromZero } },
    axes: [
      axis({ size: 30, values: (u, ticks) => ticks.map((t) => (t >= 1 ? t : null)), label: unit, labelSize: 18, labelFont: "12px system-ui" }),
      axis({ size: 56 }),
      axis({ scale: "ms", side: 1, grid: { show: false }, size: narrow ? 52 : 68, values: (u, ticks) => ticks.map((v) => `${v} ms`) }),
    ],
    series: [
      { label: unit, value: (u, v) => (v == null ? "" : String(v)) },
      { label: "requests/s", stroke: () => line(0), width: 2, points: { show: true, size: 7 }, value: shown },
      { label: "p50 in ms (right axis)", stroke: () => line(1), width: 1.6, scale: "ms", dash: [5, 4], points: { show: true, size: 5 }, value: shown },
    ],
  }, [at, levels.map((l) => l.rps), levels.map((l) => l.p50_ms ?? null)], place);
  paint(plot, [0, 1]);
  keep(place, (width) => { plot.setSize({ width, height: HEIGHT }); plot.redraw(false, true); paint(plot, [0, 1]); });
}
