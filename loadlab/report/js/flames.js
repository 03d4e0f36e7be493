// Flame graphs, one at a time: the culprit's first, any other by choice; a search that lights frames.
import flamegraph from "d3-flame-graph";
import { select } from "d3-selection";
import { element, keep, theme } from "./paper.js";

const CELL = 20;

function tools(parent, graphs) {
  const bar = element("div", "tools");
  const pick = element("select");
  pick.setAttribute("aria-label", "process");
  graphs.forEach((graph, i) => {
    const option = element("option", "", `${graph.name}: ${graph.mode} (${graph.samples} samples)`);
    option.value = i;
    pick.append(option);
  });
  const find = element("input");
  find.type = "search";
  find.placeholder = "find a function or file";
  find.setAttribute("aria-label", "find a function or file in the flame graph");
  bar.append(pick, find);
  parent.append(bar);
  return { pick, find };
}

const colour = (frame, found) =>
  frame.highlight && found ? "#c297ff" : frame.data.blamed ? theme().blamed : frame.data.user ? theme().user : theme().library;

export function flames(parent, graphs) {
  if (!graphs.length) return;
  const { pick, find } = tools(parent, graphs);
  const place = element("div", "flame");
  const help = "Point at a frame to read it, click it to look closer.";
  const detail = element("div", "detail", help);
  parent.append(place, detail);
  let chart = null;
  const label = (frame) => {
    const all = graphs[pick.value || 0].root.value;
    return `${frame.data.name}: ${((100 * frame.data.value) / all).toFixed(1)}% of ${all} samples`;
  };
  const draw = () => {
    chart?.destroy();
    place.replaceChildren();
    chart = flamegraph().width(place.clientWidth).cellHeight(CELL).minFrameSize(2).inverted(true).sort(true)
      .selfValue(false).transitionDuration(0).setColorMapper((frame) => colour(frame, find.value))
      .setDetailsHandler((text) => { detail.textContent = text || help; }).label(label)
      .getName((frame) => `${frame.data.blamed ? "▲ " : ""}${frame.data.name}`);
    select(place).datum(graphs[pick.value || 0].root).call(chart);
    // New frames grow in a quarter of a second; on paper, or after a change of size, nobody waits for that.
    for (const frame of place.querySelectorAll("g.frame")) {
      frame.querySelector("rect").setAttribute("width", frame.getAttribute("width"));
    }
    const svg = place.querySelector("svg");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `Flame graph of ${pick.selectedOptions[0].textContent}; the same as a table below`);
  };
  pick.addEventListener("change", draw);
  find.addEventListener("input", () => (find.value ? chart.search(find.value) : chart.clear()));
  keep(place, draw);
  draw();
}
