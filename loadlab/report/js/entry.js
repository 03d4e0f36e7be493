// What the page draws: everything comes from the JSON in #data, and texts are set as text, never as HTML.
import "uplot/dist/uPlot.min.css";
import { flames } from "./flames.js";
import { levelChart } from "./levels.js";
import { redrawOn } from "./paper.js";
import { timeChart } from "./time.js";

const data = JSON.parse(document.getElementById("data").textContent);
const place = (id) => document.getElementById(id);

for (const chart of data.charts.load) timeChart(place("over-time"), chart, data.charts);
for (const chart of data.charts.services) timeChart(place("services-over-time"), chart, data.charts);
if (place("levels")) levelChart(place("levels"), data.charts);
if (place("flames")) flames(place("flames"), data.flames);
redrawOn();
document.documentElement.dataset.drawn = "yes";
