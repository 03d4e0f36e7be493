// Colours and sizes: light on screen or dark, always light on paper; and who is to be drawn again when they change.
const dark = matchMedia("(prefers-color-scheme: dark)");
let printing = false;

const LIGHT = {
  ink: "#424a53", grid: "#e6e8eb", bad: "#cf222e", user: "#f0a04b", library: "#d0d7de", blamed: "#ff8182",
  lines: ["#0969da", "#bc4c00", "#1a7f37", "#8250df", "#cf222e", "#1b7c83", "#7d4e00", "#57606a"],
  search: "rgba(9,105,218,.07)", steady: "rgba(26,127,55,.13)", stacks: "rgba(154,103,0,.11)",
  proof: "rgba(130,80,223,.10)", more_users: "rgba(27,124,131,.11)",
};
const DARK = {
  ink: "#c9d1d9", grid: "#2b3138", bad: "#ff7b72", user: "#8a5a13", library: "#444c56", blamed: "#b62324",
  lines: ["#6cb6ff", "#f69d50", "#6bc46d", "#dcbdfb", "#f47067", "#76e3ea", "#daaa3f", "#adbac7"],
  search: "rgba(108,182,255,.10)", steady: "rgba(86,211,100,.15)", stacks: "rgba(227,179,65,.13)",
  proof: "rgba(188,140,255,.14)", more_users: "rgba(57,197,207,.13)",
};
export const theme = () => (dark.matches && !printing ? DARK : LIGHT);

const drawn = [];
// Called again with the place's width whenever that or the colours change.
export function keep(place, draw) {
  drawn.push({ place, draw, width: place.clientWidth });
}

function again(always) {
  for (const each of drawn) {
    const width = each.place.clientWidth;
    if (width && (always || width !== each.width)) {
      each.width = width;
      each.draw(width);
    }
  }
}

export function redrawOn() {
  addEventListener("resize", () => again(false));
  dark.addEventListener("change", () => again(true));
  addEventListener("beforeprint", () => { printing = true; again(true); });
  addEventListener("afterprint", () => { printing = false; again(true); });
}

export function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

export function figure(parent, title, says) {
  const made = element("figure", "chart");
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", says);
  made.append(element("figcaption", "", title));
  parent.append(made);
  return made;
}

export const shown = (u, v) => (v == null ? "" : String(+v.toPrecision(4)));
export const axis = (extra) => ({
  stroke: () => theme().ink, font: "12px system-ui", ...extra,
  grid: { stroke: () => theme().grid, width: 1, ...extra.grid },
  ticks: { stroke: () => theme().grid, ...extra.ticks },
});
export const line = (i) => theme().lines[i % theme().lines.length];
export const legend = { markers: { width: 0 } };
// uPlot asks for the colours of its lines each time it draws, for those of its legend only once. The first is time's.
export function paint(plot, colours) {
  [...plot.root.querySelectorAll(".u-marker")].slice(1).forEach((marker, i) => { marker.style.background = line(colours[i]); });
}
export const fromZero = (u, min, max) => [0, (max || 1) * 1.08];
